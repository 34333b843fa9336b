package cmd

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
)

// hostileNames are what strangers may put in the place of a name.
var hostileNames = map[string]string{
	"newline":         "a\ntask 1: SUCCESS",
	"carriage return": "a\rtask 1: SUCCESS",
	"escape":          "a\x1b[2Jb",
	"8-bit escape":    "a\u009b2Jb",
	"right to left":   "a\u202eb",
	"zero width":      "a\u200bb",
	"line separator":  "a\u2028b",
	"not UTF-8":       "a\xffb",
}

// A shows is a command that shows the name that a deployment gives to all.
type shows struct {
	args []string
	code int
	// json tells that --json prints the name too; an error goes to people alone.
	json bool
	// refused tells that some names are refused by what is wrong with them, and
	// are not shown.
	refused bool
}

func hostileCommands(d *deployment) map[string]shows {
	admin := func(args ...string) []string { return append([]string{"admin", "--api-server", d.url}, args...) }
	repo := func(args ...string) []string { return append(args, "-m", d.url, "-r", d.file("root.json")) }
	settings := func(args ...string) []string {
		return append([]string{"artifact", "repository", "show", "--config", d.file("rstuf.yml")}, args...)
	}
	return map[string]shows{
		"task info":        {args: []string{"task", "info", "1", "--all", "--api-server", d.url}, code: exitRefused, json: true},
		"task refused":     {args: []string{"task", "info", "2", "--api-server", d.url}, code: exitRefused, refused: true},
		"artifact info":    {args: repo("artifact", "info", "--no-cache", d.text), json: true},
		"artifact unknown": {args: repo("artifact", "info", "--no-cache", d.name+"/"), code: exitFailed},
		"artifact list":    {args: repo("artifact", "list", "--no-cache"), json: true},
		"artifact twice":   {args: []string{"artifact", "add", "--from-json", d.file("twice.json"), "--api-server", d.url}, code: exitFailed, refused: true},
		"settings":         {args: admin("settings", "get"), json: true},
		"key show":         {args: []string{"key", "show", d.file("key.json")}, json: true},
		"key file":         {args: []string{"key", "show", d.file(d.name)}, code: exitFailed},
		"metadata show":    {args: repo("admin", "metadata", "show"), json: true},
		"targets":          {args: repo("admin", "metadata", "show", "targets"), json: true},
		"delegated role":   {args: repo("admin", "metadata", "show", d.name), code: exitFailed},
		"metadata file":    {args: []string{"admin", "metadata", "show", "--in", d.file("root.json")}, json: true},
		"delegations":      {args: admin("delegations", "list"), json: true},
		"doctor":           {args: []string{"doctor", "--api-server", d.url, "-m", d.url, "-r", d.file("root.json")}, code: exitFailed, json: true},
		"doctor, API":      {args: []string{"doctor", "--api-server", d.url}, code: exitFailed, json: true},
		"pending":          {args: admin("metadata", "pending"), code: exitFailed},
		"pending root":     {args: admin("metadata", "pending", "--in", d.file("pending.json")), json: true},
		"not pending":      {args: admin("metadata", "sign", "--in", d.file("pending.json"), "--role", d.name, "--key", "x", "--yes", "--dry-run"), code: exitFailed},
		"CSV size":         {args: admin("import-artifacts", "--csv", d.file("size.csv")), code: exitFailed, refused: true},
		"CSV twice":        {args: admin("import-artifacts", "--csv", d.file("twice.csv")), code: exitFailed, refused: true},
		"repositories":     {args: settings(), json: true},
		"repository":       {args: settings(d.text), json: true},
		"unknown argument": {args: []string{"version", d.name}, code: exitUsage},
	}
}

// TestHostile: no name of a stranger begins a line or steers the terminal, and
// people see what it is; in JSON it is what it was.
func TestHostile(t *testing.T) {
	t.Parallel()
	plain := newDeployment(t, "plain")
	for kind, name := range hostileNames {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(t, name)
			for command, c := range hostileCommands(d) {
				_, wantOut, wantErr := plain.run(t, hostileCommands(plain)[command].args)
				code, out, errOut := d.run(t, c.args)
				assert.Equal(t, c.code, code, "%s: %s", command, errOut)
				for _, text := range []string{out, errOut} {
					assert.True(t, isShown(text), "%s: %q", command, text)
				}
				if lines := strings.Count(out, "\n"); !c.refused || lines > 0 {
					assert.Equal(t, strings.Count(wantOut, "\n"), lines, "%s: %s\nbeside\n%s", command, out, wantOut)
				}
				assert.Equal(t, strings.Count(wantErr, "\n"), strings.Count(errOut, "\n"), "%s: %s\nbeside\n%s", command, errOut, wantErr)
				if !c.refused {
					inError := strings.ReplaceAll(name, "\n", "; ") // an error is one line
					shown := names(out, d.text) || names(errOut, name) || names(errOut, d.text) || names(errOut, inError)
					assert.True(t, shown, "%s shows the name: %s%s", command, out, errOut)
				}
				if !c.json {
					continue
				}
				_, out, errOut = d.run(t, append([]string{"--json"}, c.args...))
				assert.True(t, isShown(out), "%s: %q", command, out)
				var value any
				require.NoError(t, json.Unmarshal([]byte(out), &value), "%s: %s", command, errOut)
				assert.True(t, holds(value, d.text), "%s as JSON: %s", command, out)
			}
		})
	}
}

// isShown tells whether a terminal just shows all of a text's lines.
func isShown(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !quote.Shown(r) }) < 0
}

// names tells whether a text has a name, as it is or escaped.
func names(text, name string) bool {
	quoted := strconv.Quote(name)
	return strings.Contains(text, quoted[1:len(quoted)-1])
}

// holds tells whether a text of a JSON value has the name in it, exactly.
func holds(value any, name string) bool {
	switch value := value.(type) {
	case string:
		return strings.Contains(value, name)
	case []any:
		for _, v := range value {
			if holds(v, name) {
				return true
			}
		}
	case map[string]any:
		for field, v := range value {
			if strings.Contains(field, name) || holds(v, name) {
				return true
			}
		}
	}
	return false
}

// run carries out a command of somebody without settings and without a terminal.
func (d *deployment) run(t *testing.T, args []string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(t.Context(), Parts{}, append([]string{"--config", d.file("none.yml")}, args...), strings.NewReader(""), &out, &errOut)
	return code, out.String(), errOut.String()
}

// A pattern that is there already is kept, and the doctor warns of it.
func TestDoctorWarnsOfPatterns(t *testing.T) {
	d := newDeployment(t, "plain")
	_, out, _ := d.run(t, []string{"doctor", "-m", d.url, "-r", d.file("root.json")})
	assert.Contains(t, out, `warning: dev: clients do not read its pattern "plain/[^a]*" alike`)
}

// The report is whole, whatever waits for signatures.
func TestDoctorWithUnusablePending(t *testing.T) {
	d := newDeployment(t, "plain")
	d.answers["/api/v1/metadata/sign"] = answer(rstuf.PendingMetadata{Roles: map[string]json.RawMessage{"plain": json.RawMessage(`{}`)}})
	code, out, _ := d.run(t, []string{"doctor", "--api-server", d.url, "-m", d.url, "-r", d.file("root.json")})
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "error: pending: ")
	assert.Contains(t, out, "timestamp")
}
