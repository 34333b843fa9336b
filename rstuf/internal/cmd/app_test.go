package cmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/metadata"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// commands are all commands that do something.
func commands(cmd *cobra.Command) (all []*cobra.Command) {
	if !cmd.HasSubCommands() && cmd.Name() != "help" {
		all = append(all, cmd)
	}
	for _, child := range cmd.Commands() {
		all = append(all, commands(child)...)
	}
	return all
}

// TestHelp: every command has an example of its own, whose commands and flags
// exist, and a place in the documentation.
func TestHelp(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile(filepath.FromSlash("../../../docs/cli.md"))
	require.NoError(t, err)
	all := commands(newRootCommand(&app{}))
	require.Greater(t, len(all), 30)
	for _, cmd := range all {
		assert.NotEmpty(t, cmd.Short, cmd.CommandPath())
		assert.Contains(t, cmd.Example, cmd.CommandPath()[len("rstuf"):], "%s has no example of its own", cmd.CommandPath())
		known := strings.Contains(string(docs), "`"+cmd.Name()+"`") || strings.Contains(string(docs), " "+cmd.Name()+"`")
		assert.True(t, known, "docs/cli.md does not know %s", cmd.CommandPath())
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			assert.NotEmpty(t, flag.Usage, "%s --%s", cmd.CommandPath(), flag.Name)
			assert.NotContains(t, []string{"password", "token", "secret", "pin"}, flag.Name, "%s takes a secret as an argument", cmd.CommandPath())
		})
		for _, line := range exampleLines(cmd.Example) {
			root := newRootCommand(&app{})
			args := joinOptionalValues(root, line)
			found, rest, err := root.Find(args)
			require.NoError(t, err, "%s: %v", cmd.CommandPath(), line)
			assert.False(t, found.HasSubCommands(), "%s: %v names no command", cmd.CommandPath(), line)
			require.NoError(t, found.ParseFlags(rest), "%s: %v", cmd.CommandPath(), line)
			if found.Args != nil {
				assert.NoError(t, found.Args(found, found.Flags().Args()), "%s: %v", cmd.CommandPath(), line)
			}
		}
	}
}

// TestHelpWidth: the help fits windows that people have.
func TestHelpWidth(t *testing.T) {
	t.Parallel()
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		var help bytes.Buffer
		cmd.SetOut(&help)
		require.NoError(t, cmd.Help())
		for line := range strings.Lines(help.String()) {
			assert.Less(t, text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n")), 100, "%s: %s", cmd.CommandPath(), line)
		}
		for _, child := range cmd.Commands() {
			check(child)
		}
	}
	check(newRootCommand(&app{}))
}

// exampleLines are the calls of rstuf in an example, as words. A line may go on
// behind a backslash.
func exampleLines(example string) (lines [][]string) {
	for line := range strings.Lines(strings.ReplaceAll(example, "\\\n", " ")) {
		_, call, ok := strings.Cut(" "+line, " rstuf ")
		if !ok {
			continue
		}
		call, _, _ = strings.Cut(call, " #")
		var words []string
		for i, part := range strings.Split(call, "'") {
			if i%2 == 1 {
				words = append(words, part)
				continue
			}
			for _, end := range []string{"|", ">", ")"} {
				part, _, _ = strings.Cut(part, end)
			}
			words = append(words, strings.Fields(part)...)
		}
		lines = append(lines, words)
	}
	return lines
}

func TestJoinOptionalValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"admin ceremony --out x.json --dry-run":   "admin ceremony --out=x.json --dry-run",
		"admin ceremony --out --dry-run":          "admin ceremony --out --dry-run",
		"admin ceremony --out=x.json":             "admin ceremony --out=x.json",
		"admin ceremony -b -u":                    "admin ceremony -b -u",
		"admin ceremony -b -u f.json --out":       "admin ceremony -b -u=f.json --out",
		"admin --api-server U ceremony --out x":   "admin --api-server U ceremony --out=x",
		"admin delegations delete dev --out gone": "admin delegations delete dev --out=gone",
		"key convert --to tuf --out x y":          "key convert --to tuf --out x y",
		"artifact add -- --out x":                 "artifact add -- --out x",
		"nothing --out x":                         "nothing --out x",
	} {
		assert.Equal(t, strings.Fields(want), joinOptionalValues(newRootCommand(&app{}), strings.Fields(text)))
	}
}

func TestParseHeaders(t *testing.T) {
	t.Parallel()
	pairs, err := parseHeaders("Authorization: Bearer a:b, Accept: text/html, application/json,X: 1")
	require.NoError(t, err)
	assert.Equal(t, [][2]string{{"Authorization", "Bearer a:b"}, {"Accept", "text/html, application/json"}, {"X", "1"}}, pairs)
	for _, wrong := range []string{"secret", "", ": secret", "a b: secret"} {
		_, err := parseHeaders(wrong)
		require.Error(t, err, wrong)
		assert.NotContains(t, err.Error(), "secret", "it could be one")
	}
}

// TestEscapeJSON: what strangers wrote cannot steer a terminal, and JSON means
// the same.
func TestEscapeJSON(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"plain ünï 文", "\x1b[2Jgone", "a\r\nb", "\u202etxt.exe", "\u009b2J", "\ufffd", "tab\tbed", "😀\U000e0041"} {
		data, err := json.Marshal(in)
		require.NoError(t, err)
		escaped := escapeJSON(data)
		assert.True(t, strings.IndexFunc(string(escaped), func(r rune) bool { return !quote.Shown(r) }) < 0, "%q", escaped)
		var after string
		require.NoError(t, json.Unmarshal(escaped, &after))
		assert.Equal(t, in, after)
	}
	assert.Equal(t, `"😀\udb40\udc41"`, string(escapeJSON([]byte("\"😀\U000e0041\""))))
}

// TestTable: no line of a table is longer than the terminal is wide, and no word
// is broken; where that cannot be, each row is lines of its own.
func TestTable(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("a", 64)
	header := []string{"key id", "type", "why"}
	rows := [][]string{{id, "ed25519", "some words that can go on in the next line"}, {id, "rsa", ""}}
	for _, width := range []int{0, 85, 100, 200} {
		var out bytes.Buffer
		printTable(&out, header, rows, width)
		assert.Contains(t, out.String(), "KEY ID")
		assert.Contains(t, out.String(), id+"  ed25519")
		for line := range strings.Lines(out.String()) {
			if width > 0 {
				assert.LessOrEqual(t, len(strings.TrimRight(line, "\n")), width, line)
			}
		}
	}
	var out bytes.Buffer
	printTable(&out, header, rows, 60)
	assert.Equal(t, "key id:\n    "+id+"\ntype:   ed25519\nwhy:    some words that can go on in the next line\n\nkey id:\n    "+id+"\ntype:   rsa\n", out.String())
}

// TestDocumentedCommands: what docs/pull-requests.md tells people to type, its
// script types too.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/pull-requests.md")
	require.NoError(t, err)
	script, err := os.ReadFile("testdata/script/pull_request.txtar")
	require.NoError(t, err)
	found := 0
	for line := range strings.Lines(string(page)) {
		if command, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "    rstuf "); ok {
			found++
			assert.Regexp(t, `(?m)^(exec|exits 4) rstuf `+regexp.QuoteMeta(command)+`( --yes)?$`, string(script))
		}
	}
	assert.Greater(t, found, 4)
}

// A command that waits long says what for, and stops saying so.
func TestWaitingIsSaid(t *testing.T) {
	t.Parallel()
	read, write := io.Pipe()
	a := &app{stderr: write}
	stop := a.waitingEvery(time.Millisecond, func() string { return describeWait("x", rstuf.TaskPending) })
	line, err := bufio.NewReader(read).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "still waiting, since 0s, for task x: no worker has taken it yet, or the service does not know it\n", line)
	go io.Copy(io.Discard, read)
	stop()
	assert.Contains(t, describeWait("x", ""), "does not answer")
	assert.Equal(t, "task x: STARTED", describeWait("x", rstuf.TaskStarted))
}

// The settings of the Python command line come first; else those are read that
// stand where the system wants them. New ones are shared.
func TestWhereSettingsAre(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "conf"))
	shared := filepath.Join(home, ".rstuf.yml")
	assert.Equal(t, shared, defaultConfigPath())
	dir, err := os.UserConfigDir()
	require.NoError(t, err)
	own := filepath.Join(dir, "rstuf", "rstuf.yml")
	require.NoError(t, os.MkdirAll(filepath.Dir(own), 0o700))
	require.NoError(t, os.WriteFile(own, []byte("SERVER: http://127.0.0.1\n"), 0o600))
	assert.Equal(t, own, defaultConfigPath())
	require.NoError(t, os.WriteFile(shared, nil, 0o600))
	assert.Equal(t, shared, defaultConfigPath())

	t.Setenv("XDG_DATA_HOME", filepath.Join(home, "data"))
	folder, err := cacheFolder("https://example.com/")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(folder, filepath.Join(home, "data", "rstuf")), folder)
	t.Setenv("XDG_DATA_HOME", "relative")
	folder, err = cacheFolder("https://example.com/")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(folder, home), folder)
}

// A deployment's own fault is named, with what happens anyway.
func TestBumpThatTheServiceCannotDo(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
	}))
	defer server.Close()
	var out, errs bytes.Buffer
	code := run(t.Context(), Parts{}, []string{"admin", "--api-server", server.URL, "online", "bump"}, strings.NewReader(""), &out, &errs)
	assert.NotZero(t, code)
	assert.Contains(t, errs.String(), "this endpoint is broken")
	assert.Contains(t, errs.String(), "by themselves")
}

// What a deployment says of its root is put right by the root in the same answer:
// in the recordings it counts the signatures of the first one, in lower case.
func TestSettingsOfADeployment(t *testing.T) {
	t.Parallel()
	corrected := 0
	for _, name := range []string{"hash-bins", "custom-delegations", "distributed-signing"} {
		data, err := os.ReadFile("../../../testdata/recordings/" + name + ".json")
		require.NoError(t, err)
		var exchanges []struct {
			Request  struct{ Method, Path string }
			Response struct {
				Status int
				Body   json.RawMessage
			}
		}
		require.NoError(t, json.Unmarshal(data, &exchanges))
		for _, e := range exchanges {
			if e.Request.Method != http.MethodGet || e.Request.Path != "/api/v1/config/" || e.Response.Status != http.StatusOK {
				continue
			}
			var answer wire.Response[rstuf.RepositorySettings]
			require.NoError(t, json.Unmarshal(e.Response.Body, &answer))
			doc, err := metadata.Parse(answer.Data.TrustedRoot)
			if err != nil {
				continue // it waits for signatures
			}
			root, err := doc.Root()
			require.NoError(t, err)
			said := answer.Data.NumKeys["root"]
			correctSettings(answer.Data)
			assert.Equal(t, len(root.Roles["root"].KeyIDs), answer.Data.NumKeys["root"])
			assert.Equal(t, root.Roles["root"].Threshold, answer.Data.Threshold["root"])
			assert.Equal(t, root.Roles["timestamp"].KeyIDs[0], answer.Data.OnlineKeyID)
			if said != answer.Data.NumKeys["root"] {
				corrected++
			}
		}
	}
	assert.Positive(t, corrected)
	correctSettings(&rstuf.RepositorySettings{}) // without a root nothing is known better
}
