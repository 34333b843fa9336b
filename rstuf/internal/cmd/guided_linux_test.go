package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/bootstrap"
	"example.org/rstuf/keys"
	"example.org/rstuf/rstuf/internal/terminal/terminaltest"
	"example.org/rstuf/service"
)

// A person runs one command at a terminal, reads and types.
type person struct {
	testing.TB
	cmd      *exec.Cmd
	keyboard *os.File
	screen   bytes.Buffer
	seen     int // how much of the screen was waited for
}

// sitDown starts a command in a folder, at a terminal of so many columns.
func sitDown(t testing.TB, dir string, columns int, args ...string) *person {
	t.Helper()
	keyboard, tty := terminaltest.Open(t)
	terminaltest.Resize(t, tty, columns)
	cmd := exec.Command("rstuf", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "TERM=xterm", "NO_COLOR=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, cmd.Start())
	require.NoError(t, tty.Close()) // so that what is read ends with the command
	stop := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	t.Cleanup(func() { stop.Stop() })
	return &person{TB: t, cmd: cmd, keyboard: keyboard}
}

// since is what the screen shows after what was waited for last, as words.
func (p *person) since() string {
	return strings.Join(strings.Fields(string(p.screen.Bytes()[p.seen:])), " ")
}

// waits reads until the screen ends with a prompt, and returns what came before.
func (p *person) waits(prompt string) string {
	p.Helper()
	for one := make([]byte, 1); !strings.HasSuffix(p.since(), prompt) || !bytes.HasSuffix(p.screen.Bytes(), []byte(" ")); {
		_, err := p.keyboard.Read(one)
		require.NoError(p, err, "waits for %q, and the screen shows:\n%s", prompt, p.screen.String())
		p.screen.Write(one)
	}
	text := p.since()
	p.seen = p.screen.Len()
	return text
}

func (p *person) types(keys string) {
	p.Helper()
	_, err := p.keyboard.WriteString(keys)
	require.NoError(p, err)
}

// ends reads what is left, and returns it and the exit code.
func (p *person) ends() (string, int) {
	p.Helper()
	_, err := p.screen.ReadFrom(p.keyboard)
	require.ErrorIs(p, err, syscall.EIO) // nobody holds the terminal any more
	err = p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(p, err)
	}
	return p.since(), p.cmd.ProcessState.ExitCode()
}

// typed is one question of a ceremony, what is typed there in the end, and before
// that what is not taken.
type typed struct {
	prompt, answer string
	wrong, why     string
}

// guided are all questions of a guided ceremony of alice and bob, up to the first
// signature.
var guided = []typed{
	{"Days until timestamp expires [1]:", "", "0", "at least 1"},
	{"Days until snapshot expires [1]:", "2", "two", "not a whole number"},
	{"Days until targets expires [365]:", "", "-1", "at least 1"},
	{"Delegations [1]:", "", "3", "a number from 1 to 2"},
	{"Number of hash bins [256]:", "16", "100", "a power of two"},
	{"Days until bins expires [1]:", "", "1.5", "not a whole number"},
	{"Days until root expires [365]:", "300", "0", "at least 1"},
	{"Root threshold (how many root keys must sign):", "2", "1", "at least 2"},
	{"Kind of key [1]:", "", "PEM", "a number from 1 to 2"},
	{"Public key file:", "alice.pub", "alcie.pub", "no such file"},
	{"Name of the key [alice]:", "", "", ""},
	{"What next:", "2", "alice", "a number from 1 to 3"},
	{"Kind of key [1]:", "1", "0", "a number from 1 to 2"},
	{"Public key file:", "bob.pub", "alice.pub", "in use already"},
	{"Name of the key [bob]:", "Bob", "alice", "another key has this name"},
	{"What next:", "1", "4", "a number from 1 to 3"},
	{"Public key file of the online key:", "repo/keys/online.pub", "bob.pub", "in use already"},
	{"Name of the online key [online]:", "", "", ""},
	{"Where workers find it:", "", "online", "a scheme, a colon and a place"},
	{"Is it right:", "1", "perhaps", "a number from 1 to 2"},
}

const bobsPassword = "swordfish"

// keyFiles makes the keys of a guided ceremony; bob's has a password.
func keyFiles(t testing.TB, dir string) (alice, bob keys.Public) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "repo", "keys"), 0o700))
	made := map[string]keys.Public{}
	for _, name := range []string{"alice", "bob", "repo/keys/online"} {
		key, err := keys.Generate(keys.Ed25519, name)
		require.NoError(t, err)
		options := keys.SaveOptions{Plain: true}
		if name == "bob" {
			options = keys.SaveOptions{Password: []byte(bobsPassword)}
		}
		require.NoError(t, key.Save(filepath.Join(dir, name), options))
		made[name] = key.Public()
		require.NoError(t, key.Close())
	}
	return made["alice"], made["bob"]
}

// emptyService is an embedded service on dir/repo, without a repository.
func emptyService(t testing.TB, dir string) (api, files string) {
	t.Helper()
	svc, err := service.Open(t.Context(), service.Config{
		Dir: filepath.Join(dir, "repo"), Keys: keys.URIConfig{Dir: filepath.Join(dir, "repo", "keys")}, UnsafeNoSync: true,
	})
	require.NoError(t, err)
	server, metadata := httptest.NewServer(svc.Handler()), httptest.NewServer(svc.MetadataHandler())
	t.Cleanup(func() {
		server.Close()
		metadata.Close()
		assert.NoError(t, svc.Close(context.WithoutCancel(t.Context()))) // which has ended by now
	})
	return server.URL, metadata.URL
}

// TestNarrowTerminals plays a guided ceremony and what follows it at terminals of 60
// and 80 columns: no line is longer, but for those that are one word, such as a key
// id, which can be copied whole.
func TestNarrowTerminals(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{60, 80} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			alice, bob := keyFiles(t, dir)
			api, files := emptyService(t, dir)
			fits := func(p *person, code int) {
				t.Helper()
				_, got := p.ends()
				assert.Equal(t, code, got, p.screen.String())
				for line := range strings.SplitSeq(strings.ReplaceAll(p.screen.String(), "\r", ""), "\n") {
					line = line[strings.LastIndex(line, "\x1b[K")+1:] // a line that goes is cut where the terminal ends
					if strings.Contains(strings.TrimSpace(line), " ") {
						assert.LessOrEqual(t, utf8.RuneCountInString(line), columns, "%q in\n%s", line, p.screen.String())
					}
				}
			}
			fits(sitDown(t, dir, columns, "key", "generate", "--type", "ed25519", "--file", "carol", "--plain"), 0)
			fits(sitDown(t, dir, columns, "key", "generate", "--type", "rsa", "--file", "rsa", "--plain"), 0)
			fits(sitDown(t, dir, columns, "key", "show", "alice.pub", "rsa.pub"), 0)
			fits(sitDown(t, dir, columns, "admin", "ceremony", "--policy", "nowhere/policy.yml", "--draft", "a-draft.json", "--dry-run"), 1)

			p := sitDown(t, dir, columns, "admin", "--api-server", api, "ceremony", "--out")
			for _, a := range guided {
				p.waits(a.prompt)
				p.types(a.answer + "\n")
			}
			for _, key := range []struct{ name, file, id string }{{"alice", "alice", alice.ID()}, {"Bob", "bob", bob.ID()}} {
				p.waits("Sign with:")
				assert.Regexp(t, "(?m)^ +"+key.id+"\r$", p.screen.String(), "the key id can be copied")
				p.types(key.name + "\n")
				p.waits(fmt.Sprintf("Private key file of %s (%s):", key.name, key.id[:16]))
				p.types(key.file + "\n")
			}
			p.waits("Password of bob:")
			p.types(bobsPassword + "\n")
			fits(p, 0)
			assert.Contains(t, p.since(), "ready for artifacts")

			root := filepath.Join("repo", "metadata", "1.root.json")
			require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600))
			fits(sitDown(t, dir, columns, "artifact", "--api-server", api, "add", "file"), 0)
			fits(sitDown(t, dir, columns, "doctor", files, "--root", root), 0)
			fits(sitDown(t, dir, columns, "doctor", files, "--root", root, "--soon", "24000h", "--strict"), 1)
			fits(sitDown(t, dir, columns, "admin", "--api-server", api, "settings", "get"), 0)
			fits(sitDown(t, dir, columns, "admin", "metadata", "show", "--in", root), 0)
			fits(sitDown(t, dir, columns, "admin", "--api-server", api, "ceremony"), 1)
			p = sitDown(t, dir, columns, "admin", "metadata", "update", "--in", root, "--dry-run")
			p.waits("Change that (y/n) [y]:")
			p.types("\x04")
			fits(p, 1)
		})
	}
}

// stopAtEach goes through the questions of a ceremony and stops at each of them, with
// Ctrl-D and with Ctrl-C. The same command goes on at the question, with all answers
// before it, and takes neither a wrong answer nor, where there is no default, none.
//
// With shown the command shows all of the questions before with their answers, and
// not only those for a key that is not complete.
func stopAtEach(t *testing.T, dir, answers string, shown bool, questions []typed, args ...string) {
	t.Helper()
	resume := func(i int) *person {
		p := sitDown(t, dir, 80, args...)
		for _, q := range questions[:i] {
			if shown && q.prompt == questions[i].prompt {
				p.waits(q.prompt)
			}
		}
		p.waits(questions[i].prompt)
		return p
	}
	kept := fmt.Sprintf("your answers are kept in %s: the same command goes on with them", answers)
	for i, q := range questions {
		p := resume(i)
		p.types("\x04")
		text, code := p.ends()
		assert.Equal(t, exitFailed, code, p.screen.String())
		assert.Contains(t, text, "the input ended before the answer")
		if i == 0 {
			assert.NoFileExists(t, filepath.Join(dir, answers), "nothing is answered yet")
		} else {
			assert.Contains(t, text, kept)
		}

		p = resume(i)
		if !strings.Contains(q.prompt, "[") && q.prompt != "Where workers find it:" {
			p.types("\n")
			assert.Contains(t, p.waits(q.prompt), "An answer is needed")
		}
		if q.wrong != "" {
			p.types(q.wrong + "\n")
			assert.Contains(t, p.waits(q.prompt), q.why)
		}
		p.types(q.answer + "\n")
		if i == len(questions)-1 {
			p.waits("Sign with:")
		} else {
			p.waits(questions[i+1].prompt)
		}
		p.types("\x03")
		text, code = p.ends()
		assert.Equal(t, exitInterrupted, code, p.screen.String())
		assert.Contains(t, text, kept)
		assert.FileExists(t, filepath.Join(dir, answers))
	}
}

// TestStoppedAtEachQuestion: nothing that was answered or signed is lost.
func TestStoppedAtEachQuestion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	alice, bob := keyFiles(t, dir)
	const signed = "what was answered and signed is kept in ceremony.answers.json.signed: the same command goes on with it"
	args := []string{"admin", "ceremony", "--dry-run", "--out"}
	stopAtEach(t, dir, "ceremony.answers.json", false, guided, args...)

	// Consent is asked for again, until somebody has signed.
	sign := func(key keys.Public, name, file string) *person {
		p := sitDown(t, dir, 80, args...)
		if name == "alice" {
			p.waits("Is it right:")
			p.types("yes\n")
		}
		p.waits("Sign with:")
		p.types(name + "\n")
		p.waits(fmt.Sprintf("Private key file of %s (%s):", name, key.ID()[:16]))
		p.types(file)
		return p
	}
	p := sign(alice, "alice", "\x04")
	text, code := p.ends()
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, text, "your answers are kept in ceremony.answers.json")
	p = sign(alice, "alice", "nobody\n")
	assert.Contains(t, p.waits("):"), "no such file")
	p.types("back\n")
	p.waits("Sign with:")
	p.types("alice\n")
	p.waits("):")
	p.types("alice\n")
	p.waits("Sign with:")
	p.types("\x03")
	text, code = p.ends()
	assert.Equal(t, exitInterrupted, code)
	assert.Contains(t, text, signed)

	p = sign(bob, "Bob", "bob\n")
	assert.NotContains(t, p.screen.String(), "Is it right")
	p.waits("Password of bob:")
	p.types("sword\n")
	assert.Contains(t, p.waits("Password of bob:"), "The password is wrong")
	p.types("\x04")
	text, code = p.ends()
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, text, signed)
	p = sign(bob, "Bob", "bob\n")
	p.waits("Password of bob:")
	p.types("\x03")
	text, code = p.ends()
	assert.Equal(t, exitInterrupted, code)
	assert.Contains(t, text, signed)
	p = sign(bob, "Bob", "bob\n")
	p.waits("Password of bob:")
	p.types(bobsPassword + "\n")
	text, code = p.ends()
	assert.Zero(t, code, text)
	left, err := filepath.Glob(filepath.Join(dir, "ceremony.answers*"))
	require.NoError(t, err)
	assert.Empty(t, left)

	file, err := bootstrap.ReadFile(filepath.Join(dir, "ceremony-payload.json"))
	require.NoError(t, err)
	roles := file.Payload.Settings.Roles
	assert.Equal(t, []int{1, 2, 365, 300, 1, 16}, []int{
		roles.Timestamp.Expiration, roles.Snapshot.Expiration, roles.Targets.Expiration, roles.Root.Expiration,
		roles.Bins.Expiration, roles.Bins.NumberOfDelegatedBins,
	})
	status, err := bootstrap.Check(file.Payload, time.Now())
	require.NoError(t, err)
	require.Len(t, status.Signed, 2)
	assert.ElementsMatch(t, []string{"alice", "Bob"}, []string{status.Signed[0].Name, status.Signed[1].Name})
}

// TestStoppedAtCustomRoles: so it is with roles of people's own, which are one
// question with many.
func TestStoppedAtCustomRoles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keyFiles(t, dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "policy.yml"), []byte(`
root_keys: [{name: alice, file: alice.pub}, {name: bob, file: bob.pub}]
threshold: 2
online_key: {name: online, file: repo/keys/online.pub}
expirations: {root: 365, targets: 365, snapshot: 1, timestamp: 1}
`), 0o600))
	stopAtEach(t, dir, "d.json.answers.json", true, []typed{
		{"Delegations [1]:", "2", "bins", "a number from 1 to 2"},
		{"Name of the role:", "dev", "targets", "no name of TUF's own roles"},
		{"Days until dev expires [1]:", "30", "0", "at least 1"},
		{"Paths of its artifacts (patterns such as dev/*, with spaces between):", "dev/*", "/dev", "/dev"},
		{"Signed by [1]:", "2", "3", "a number from 1 to 2"},
		{"Threshold of dev (how many keys must sign):", "1", "0", "at least 1"},
		{"Kind of key [1]:", "", "3", "a number from 1 to 2"},
		{"Public key file:", "alice.pub", "al.pub", "no such file"},
		{"Name of the key [alice]:", "ann", "", ""},
		{"What next:", "1", "0", "a number from 1 to 3"},
		{"Another role (y/n) [n]:", "y", "maybe", "answer y or n"},
		{"Name of the role:", "stable", "dev", "another role has this name"},
		{"Days until stable expires [1]:", "", "", ""},
		{"Paths of its artifacts (patterns such as dev/*, with spaces between):", "stable/*", "", ""},
		{"Signed by [1]:", "", "", ""},
		{"Another role (y/n) [n]:", "", "", ""},
		{"Is it right:", "yes", "no", "a number from 1 to 2"},
	}, "admin", "ceremony", "--policy", "policy.yml", "--draft", "d.json", "--dry-run")

	p := sitDown(t, dir, 80, "admin", "ceremony", "--policy", "policy.yml", "--draft", "d.json", "--dry-run")
	assert.Contains(t, p.waits("Is it right:"), "dev: paths dev/*; signed by 1 of ann")
	p.types("yes\n")
	p.waits("Sign with:")
	p.types("alice\n")
	p.waits("):")
	p.types("alice\n")
	p.waits("Sign with:")
	p.types("\x04")
	text, code := p.ends()
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, text, "what was signed is kept in d.json: give it with --draft to go on")
	p = sitDown(t, dir, 80, "admin", "ceremony", "--draft", "d.json", "--dry-run")
	assert.Contains(t, p.waits("Sign with:"), "1 of 2 signatures are there (alice")
	p.types("2\n")
	_, code = p.ends()
	assert.Equal(t, exitWaiting, code)
	left, err := filepath.Glob(filepath.Join(dir, "*.answers*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

// TestBackAfterAStop: the way back leads to what was answered before the stop, from
// the last screen as well.
func TestBackAfterAStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keyFiles(t, dir)
	args := []string{"admin", "ceremony", "--dry-run", "--out"}
	p := sitDown(t, dir, 80, args...)
	for _, q := range guided[:7] {
		p.waits(q.prompt)
		p.types(q.answer + "\n")
	}
	p.waits(guided[7].prompt)
	p.types("\x03")
	_, code := p.ends()
	assert.Equal(t, exitInterrupted, code)

	p = sitDown(t, dir, 80, args...)
	p.waits(guided[7].prompt)
	p.types("back\n")
	p.waits("Days until root expires [300]:")
	p.types("back\n")
	p.waits("Days until bins expires [1]:")
	p.types("\x03") // on the way back
	_, code = p.ends()
	assert.Equal(t, exitInterrupted, code)
	p = sitDown(t, dir, 80, args...)
	p.waits("Days until bins expires [1]:")
	p.types("3\n")
	for _, q := range guided[7:19] {
		p.waits(q.prompt)
		p.types(q.answer + "\n")
	}
	p.waits("Is it right:")
	p.types("back\n")
	p.waits(guided[16].prompt)
	p.types("\x03")
	_, code = p.ends()
	assert.Equal(t, exitInterrupted, code)
}
