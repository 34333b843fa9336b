package cmd

import (
	"bytes"
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

// typed is one question of the guided ceremony, and what is typed there.
type typed struct{ prompt, answer string }

// guided are all questions of a guided ceremony of alice and bob, up to the first
// signature.
var guided = []typed{
	{"Days until timestamp expires [1]:", ""},
	{"Days until snapshot expires [1]:", "2"},
	{"Days until targets expires [365]:", ""},
	{"Delegations [1]:", ""},
	{"Number of hash bins [256]:", "16"},
	{"Days until bins expires [1]:", ""},
	{"Days until root expires [365]:", "300"},
	{"Root threshold (how many root keys must sign):", "2"},
	{"Kind of key [1]:", ""},
	{"Public key file:", "alice.pub"},
	{"Name of the key [alice]:", ""},
	{"What next:", "2"},
	{"Kind of key [1]:", "1"},
	{"Public key file:", "bob.pub"},
	{"Name of the key [bob]:", "Bob"},
	{"What next:", "1"},
	{"Public key file of the online key:", "repo/keys/online.pub"},
	{"Name of the online key [online]:", ""},
	{"Where workers find it:", ""},
	{"Is it right:", "1"},
}

// keyFiles makes the keys of a guided ceremony.
func keyFiles(t testing.TB, dir string) (alice, bob keys.Public) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "repo", "keys"), 0o700))
	made := map[string]keys.Public{}
	for _, name := range []string{"alice", "bob", "repo/keys/online"} {
		key, err := keys.Generate(keys.Ed25519, name)
		require.NoError(t, err)
		require.NoError(t, key.Save(filepath.Join(dir, name), keys.SaveOptions{Plain: true}))
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
		assert.NoError(t, svc.Close(t.Context()))
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
