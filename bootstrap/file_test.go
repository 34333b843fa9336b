package bootstrap_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// recordedAt is when the recordings were made.
var recordedAt = time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)

// recorded are the bodies of a recording's requests by step.
func recorded(t testing.TB, name string) map[string]json.RawMessage {
	t.Helper()
	data, err := os.ReadFile(testdir.Recordings + "/" + name + ".json")
	require.NoError(t, err)
	var steps []struct {
		Step    string
		Request struct{ Body json.RawMessage }
	}
	require.NoError(t, json.Unmarshal(data, &steps))
	bodies := map[string]json.RawMessage{}
	for _, step := range steps {
		bodies[step.Step] = step.Request.Body
	}
	return bodies
}

func recordedPayload(t testing.TB, name string) *rstuf.BootstrapPayload {
	t.Helper()
	file, err := bootstrap.Read(bytes.NewReader(recorded(t, name)["bootstrap.post"]))
	require.NoError(t, err)
	return file.Payload
}

var recordings = []string{"hash-bins", "distributed-signing", "custom-delegations"}

// TestReadRecorded reads what a real deployment took, and writes it back.
func TestReadRecorded(t *testing.T) {
	t.Parallel()
	for _, name := range recordings {
		body := recorded(t, name)["bootstrap.post"]
		file, err := bootstrap.Read(bytes.NewReader(body))
		require.NoError(t, err, name)
		assert.False(t, file.FirstGeneration)
		assert.Empty(t, file.TargetsBaseURL)
		signed, err := bootstrap.Check(file.Payload, recordedAt)
		require.NoError(t, err, name)
		assert.Equal(t, 2, signed.Threshold)

		var first bytes.Buffer
		require.NoError(t, bootstrap.Write(&first, file.Payload))
		assert.JSONEq(t, string(body), first.String())
		again, err := bootstrap.Read(bytes.NewReader(first.Bytes()))
		require.NoError(t, err)
		var second bytes.Buffer
		require.NoError(t, bootstrap.Write(&second, again.Payload))
		assert.Equal(t, first.String(), second.String(), "the same bytes for the same payload")
	}
}

// TestRecordedFailures: payloads that a real deployment refused, at once or in
// its task, do not get that far.
func TestRecordedFailures(t *testing.T) {
	t.Parallel()
	steps := recorded(t, "hash-bins")
	refused := 0
	for step, body := range steps {
		if !strings.HasPrefix(step, "bad.bootstrap.") || len(body) == 0 {
			continue
		}
		refused++
		_, err := bootstrap.Read(bytes.NewReader(body))
		assert.Error(t, err, step)
	}
	assert.GreaterOrEqual(t, refused, 7)

	file, err := bootstrap.Read(bytes.NewReader(steps["fail.bootstrap.no-signatures"]))
	require.NoError(t, err)
	_, err = bootstrap.Check(file.Payload, recordedAt)
	assert.ErrorIs(t, err, metadata.ErrUnsigned)
	file, err = bootstrap.Read(bytes.NewReader(steps["fail.bootstrap.bad-signature"]))
	require.NoError(t, err)
	_, err = bootstrap.Check(file.Payload, recordedAt)
	assert.ErrorIs(t, err, keys.ErrBadSignature)
}

const firstGeneration = `{
  "settings": {
    "expiration": {"root": 365, "targets": 364, "snapshot": 2, "timestamp": 1, "bins": 3},
    "services": {"number_of_delegated_bins": 16, "targets_base_url": "http://www.example.com/targets/", "targets_online_key": true}
  },
  "metadata": {"root": ROOT},
  "timeout": 60
}`

func TestFirstGeneration(t *testing.T) {
	t.Parallel()
	text := strings.Replace(firstGeneration, "ROOT", string(recordedPayload(t, "hash-bins").Root()), 1)
	file, err := bootstrap.Read(strings.NewReader(text))
	require.NoError(t, err)
	assert.True(t, file.FirstGeneration)
	assert.Equal(t, "http://www.example.com/targets/", file.TargetsBaseURL)
	assert.Equal(t, rstuf.RolesSettings{
		Root: rstuf.RoleSettings{Expiration: 365}, Targets: rstuf.RoleSettings{Expiration: 364},
		Snapshot: rstuf.RoleSettings{Expiration: 2}, Timestamp: rstuf.RoleSettings{Expiration: 1},
		Bins: &rstuf.BinsSettings{Expiration: 3, NumberOfDelegatedBins: 16},
	}, file.Payload.Settings.Roles)
	assert.Equal(t, 60, file.Payload.Timeout)
	_, err = bootstrap.Check(file.Payload, recordedAt)
	assert.NoError(t, err)

	_, err = bootstrap.Read(strings.NewReader(strings.Replace(text, "targets/", "targets", 1)))
	var invalid rstuf.ValidationError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, "settings.services.targets_base_url", invalid[0].Field())
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	good := string(recorded(t, "hash-bins")["bootstrap.post"])
	with := func(old, new string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, new, 1)
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":          {"", "the text ends"},
		"truncated":      {good[:len(good)-10], "the text ends"},
		"list":           {"[]", "Input should be a valid dictionary"},
		"trailing":       {good + "{}", "text after the end"},
		"unknown field":  {with(`"timeout"`, `"time_out"`), "time_out: Extra inputs are not permitted"},
		"other case":     {with(`"timeout"`, `"Timeout"`), "Timeout: Extra inputs are not permitted"},
		"field twice":    {with(`"timeout": 600`, `"timeout": 600, "timeout": 1`), `names the field "timeout" twice`},
		"not UTF-8":      {with("alice", "al\xffce"), "not valid UTF-8"},
		"deep":           {with(`"timeout": 600`, `"timeout": `+strings.Repeat("[", 500)), "nested more than"},
		"role setting":   {with(`"expiration": 365`, `"expiration": 0`), "settings.roles.root.expiration"},
		"wrong type":     {with(`"expiration": 365`, `"expiration": "a year"`), "settings.roles.root.expiration"},
		"too many bins":  {with(`"number_of_delegated_bins": 4`, `"number_of_delegated_bins": 65536`), "number_of_delegated_bins"},
		"foreign field":  {with(`"_type": "root"`, `"_type": "root", "secret": 1`), "secret"},
		"private keyval": {with(`"keyval": {`, `"keyval": {"private": "00", `), "keyval"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := bootstrap.Read(strings.NewReader(c.text))
			require.Error(t, err)
			assert.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

// endless never stops giving white space.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	copy(p, bytes.Repeat([]byte(" "), len(p)))
	return len(p), nil
}

func TestHugeFile(t *testing.T) {
	t.Parallel()
	_, err := bootstrap.Read(io.MultiReader(strings.NewReader("{"), endless{}))
	assert.ErrorContains(t, err, "larger than 8388608 bytes")
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "payload.json")
	payload := recordedPayload(t, "custom-delegations")
	require.NoError(t, bootstrap.WriteFile(path, payload))
	file, err := bootstrap.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, payload.Settings, file.Payload.Settings)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.ErrorIs(t, bootstrap.WriteFile(path, recordedPayload(t, "hash-bins")), fs.ErrExist)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	require.NoError(t, bootstrap.ReplaceFile(path, recordedPayload(t, "hash-bins")))

	invalid := recordedPayload(t, "hash-bins")
	invalid.Settings.Roles.Bins = nil
	assert.Error(t, bootstrap.ReplaceFile(path, invalid))
	_, err = bootstrap.ReadFile(path)
	assert.NoError(t, err, "what was there is still there")
	_, err = bootstrap.ReadFile(filepath.Join(dir, "none.json"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.Error(t, bootstrap.WriteFile(filepath.Join(dir, "nil.json"), (*rstuf.BootstrapPayload)(nil)))
	huge := recordedPayload(t, "custom-delegations")
	huge.Settings.Roles.Delegations.Roles[0].Paths = []string{strings.Repeat("a", bootstrap.MaxSize)}
	assert.ErrorContains(t, bootstrap.WriteFile(filepath.Join(dir, "huge.json"), huge), "at most", "it could not be read again")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	payload := recordedPayload(t, "distributed-signing")
	signed, err := bootstrap.Check(payload, recordedAt)
	require.NoError(t, err)
	assert.Equal(t, 1, signed.Needed())
	assert.Equal(t, "bob", signed.Missing[0].Name)

	_, err = bootstrap.Check(payload, recordedAt.AddDate(2, 0, 0))
	assert.ErrorContains(t, err, "expired")
	_, err = bootstrap.Check(nil, recordedAt)
	assert.Error(t, err)

	edit := func(old, new string) *rstuf.BootstrapPayload {
		changed := *payload
		require.Contains(t, string(payload.Root()), old)
		changed.Metadata = map[string]json.RawMessage{"root": json.RawMessage(strings.ReplaceAll(string(payload.Root()), old, new))}
		return &changed
	}
	for name, c := range map[string]struct {
		payload *rstuf.BootstrapPayload
		want    string
	}{
		"content changed": {edit(`"alice"`, `"malice"`), "signature does not verify"},
		"version 2":       {edit(`"version": 1`, `"version": 2`), "starts with version 1"},
		"threshold":       {edit(`"threshold": 2`, `"threshold": 9`), "threshold"},
		"no root":         {edit(`"_type": "root"`, `"_type": "targets"`), "targets"},
		"stranger":        {edit(`"keyid": "9e10`, `"keyid": "0000`), "key 0000c4b66943ef44: the key does not sign this document"},
	} {
		_, err := bootstrap.Check(c.payload, recordedAt)
		assert.ErrorContains(t, err, c.want, name)
	}
}

// TestCheckKeysOfRoles: the settings of a payload are not signed. A key that was
// exchanged under its id must not get through.
func TestCheckKeysOfRoles(t *testing.T) {
	t.Parallel()
	payload := recordedPayload(t, "custom-delegations")
	_, err := bootstrap.Check(payload, recordedAt)
	require.NoError(t, err)
	custom := payload.Settings.Roles.Delegations
	for id, key := range custom.Keys {
		key.Value = tuftest.Key(t, "mallory").Public().Key().Value
		custom.Keys[id] = key
	}
	_, err = bootstrap.Check(payload, recordedAt)
	assert.ErrorContains(t, err, "settings.roles.delegations")
	assert.ErrorContains(t, err, "the id does not fit the key")
}

// TestSigstoreSignature can only be checked by the worker: it is no reason to
// refuse a payload.
func TestSigstoreSignature(t *testing.T) {
	t.Parallel()
	alice, online := tuftest.Key(t, "alice"), tuftest.Key(t, "online")
	carol := keys.Sigstore("carol@example.com", "https://accounts.example.com", "carol")
	payload := newPayload(t, []keys.Public{alice.Public(), carol}, online.Public(), alice)
	root := strings.Replace(string(payload.Root()), `"signatures":[`, `"signatures":[{"keyid":"`+carol.ID()+`","sig":"","bundle":{"x":1}},`, 1)
	payload.Metadata["root"] = json.RawMessage(root)
	signed, err := bootstrap.Check(payload, time.Now())
	require.NoError(t, err)
	assert.Len(t, signed.Signed, 1)
}

func FuzzRead(f *testing.F) {
	for _, name := range recordings {
		f.Add([]byte(recorded(f, name)["bootstrap.post"]))
	}
	f.Add([]byte(strings.Replace(firstGeneration, "ROOT", string(recordedPayload(f, "hash-bins").Root()), 1)))
	f.Add([]byte(`{"settings":{"services":{}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := bootstrap.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		_, _ = bootstrap.Check(file.Payload, recordedAt)
		var out bytes.Buffer
		require.NoError(t, bootstrap.Write(&out, file.Payload))
		again, err := bootstrap.Read(&out)
		require.NoError(t, err)
		require.False(t, again.FirstGeneration)
	})
}
