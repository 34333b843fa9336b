package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/rstuf/internal/config"
)

// written by the Python command line, with a comment and settings of others.
const shared = `# by hand
SERVER: http://127.0.0.1:8080   # here
CURRENT_REPOSITORY: r1
REPOSITORIES:
  r1:
    artifact_base_url: http://127.0.0.1/artifacts
    hash_prefix: false
    metadata_url: http://127.0.0.1/metadata
    trusted_root: e30=
    x-note: kept
THEIRS: [1, 2]
`

func write(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
	return path
}

func TestKeepsWhatItDoesNotKnow(t *testing.T) {
	path := write(t, shared, 0o640)
	f, err := config.Load(path)
	require.NoError(t, err)
	r, err := f.Repository("r1")
	require.NoError(t, err)
	assert.Equal(t, []byte("{}"), r.TrustedRoot)
	r.MetadataURL = "http://other"
	require.NoError(t, f.SetRepository(r))
	require.NoError(t, f.SetRepository(config.Repository{Name: "R1", HashPrefix: true}))
	require.NoError(t, f.SetCurrent("R1"))
	require.NoError(t, f.Save())

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, kept := range []string{"# by hand", "# here", "x-note: kept", "THEIRS: [1, 2]", "metadata_url: http://other", "CURRENT_REPOSITORY: R1"} {
		assert.Contains(t, string(data), kept)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())

	f, err = config.Load(path)
	require.NoError(t, err)
	names, err := f.Names()
	require.NoError(t, err)
	assert.Equal(t, []string{"r1", "R1"}, names)
	require.NoError(t, f.DeleteRepository("R1"))
	current, err := f.CurrentName()
	require.NoError(t, err)
	assert.Empty(t, current, "the current one was deleted")
	_, err = f.Repository("r1")
	assert.NoError(t, err, "names of repositories differ by case")
}

func TestNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.yml")
	f, err := config.Load(path)
	require.NoError(t, err)
	server, err := f.Server()
	require.NoError(t, err)
	assert.Empty(t, server)
	require.NoError(t, f.SetRepository(config.Repository{Name: "true", TrustedRoot: []byte("{}")}))
	require.NoError(t, f.Save())
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	f, err = config.Load(path)
	require.NoError(t, err)
	r, err := f.Repository("true")
	require.NoError(t, err, "a name that YAML could take for something else")
	assert.Equal(t, []byte("{}"), r.TrustedRoot)
}

func TestLinkStaysALink(t *testing.T) {
	path := write(t, shared, 0o600)
	link := path + ".link"
	require.NoError(t, os.Symlink(path, link))
	f, err := config.Load(link)
	require.NoError(t, err)
	require.NoError(t, f.DeleteRepository("r1"))
	require.NoError(t, f.Save())
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(data), "r1")
}

func TestSettings(t *testing.T) {
	f, err := config.Load(write(t, "server: http://a\nHeaders: {X-Team: release}\nTOKEN_FILE: /t\nTOKEN_COMMAND: pass\nSIGNERS: {yubi: [/bin/y, -slot, 9c]}\nSIGSTORE: {trusted_root: /r, rekor: https://r, token_command: tok}\n", 0o600))
	require.NoError(t, err)
	for _, get := range []struct {
		want string
		of   func() (string, error)
	}{{"http://a", f.Server}, {"/t", f.TokenFile}, {"pass", f.TokenCommand}} {
		got, err := get.of()
		require.NoError(t, err)
		assert.Equal(t, get.want, got)
	}
	headers, err := f.Headers()
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"X-Team": "release"}, headers)
	sigstore, err := f.Sigstore()
	require.NoError(t, err)
	assert.Equal(t, &config.Sigstore{TrustedRoot: "/r", Rekor: "https://r", TokenCommand: "tok"}, sigstore)
	signers, err := f.Signers()
	require.NoError(t, err)
	assert.Equal(t, map[string][]string{"yubi": {"/bin/y", "-slot", "9c"}}, signers)
}

func TestRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		text, err string
		use       func(*config.File) error
	}{
		"no mapping":         {"- a\n", "line 1: want names and values", nil},
		"no YAML":            {"SERVER: [\n", "yaml", nil},
		"a text":             {"hello\n", "line 1: want names and values", nil},
		"server":             {"SERVER: [a]\n", "line 1: SERVER: want a text", func(f *config.File) error { _, err := f.Server(); return err }},
		"headers":            {"HEADERS: [a]\n", "line 1: HEADERS: want names and texts", func(f *config.File) error { _, err := f.Headers(); return err }},
		"sigstore":           {"SIGSTORE: {fulcio: https://f}\n", "line 1: SIGSTORE: want trusted_root", func(f *config.File) error { _, err := f.Sigstore(); return err }},
		"signers":            {"SIGNERS: {a: /bin/a -x}\n", "line 1: SIGNERS: want names, and below each a list", func(f *config.File) error { _, err := f.Signers(); return err }},
		"repositories":       {"REPOSITORIES: [a]\n", "line 1: REPOSITORIES", func(f *config.File) error { return f.SetRepository(config.Repository{Name: "a"}) }},
		"repository":         {"REPOSITORIES: {a: b}\n", "line 1: repository a", func(f *config.File) error { return f.SetCurrent("a") }},
		"hash prefix":        {"REPOSITORIES: {a: {hash_prefix: x}}\n", "repository a: want texts", func(f *config.File) error { return f.SetCurrent("a") }},
		"trusted root":       {"REPOSITORIES: {a: {trusted_root: '%'}}\n", "trusted_root is not base64", func(f *config.File) error { return f.SetCurrent("a") }},
		"unknown repository": {"A: b\n", config.ErrNoRepository.Error(), func(f *config.File) error { return f.DeleteRepository("a") }},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := config.Load(write(t, test.text, 0o600))
			if test.use != nil {
				require.NoError(t, err)
				err = test.use(f)
			}
			assert.ErrorContains(t, err, test.err)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := config.Load(write(t, "HEADERS: {A: b}\n", 0o644))
	assert.ErrorContains(t, err, "others can read it")
	for _, text := range []string{"SIGNERS: {a: [/bin/a]}\n", "SIGSTORE: {trusted_root: /r}\n"} {
		path := write(t, text, 0o600)
		require.NoError(t, os.Chmod(path, 0o620))
		_, err = config.Load(path)
		assert.ErrorContains(t, err, "others can write it", text)
	}
	_, err = config.Load(t.TempDir())
	assert.Error(t, err, "a folder")
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{shared, "", "a: &a [*a]", "REPOSITORIES: &r {r: *r}", "SERVER: !!binary x", "? [a]: b", "REPOSITORIES: {r: {<<: {a: b}}}", "a: b\n---\nc: d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := write(t, text, 0o600)
		file, err := config.Load(path)
		if err != nil {
			return
		}
		if file.SetRepository(config.Repository{Name: "new", MetadataURL: "http://new", TrustedRoot: []byte("root")}) != nil || file.Save() != nil {
			return
		}
		file, err = config.Load(path)
		require.NoError(t, err, "what was saved can be loaded")
		r, err := file.Repository("new")
		require.NoError(t, err)
		assert.Equal(t, "http://new", r.MetadataURL)
		assert.Equal(t, []byte("root"), r.TrustedRoot)
	})
}
