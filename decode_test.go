package rstuf_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
)

// TestDecodeRefusesAmbiguousBodies: what two readers could read differently is
// no request. A rule must not be met by one reading and broken by the other.
func TestDecodeRefusesAmbiguousBodies(t *testing.T) {
	t.Parallel()
	settings, add := decoders["PUT /api/v1/config/"], decoders["POST /api/v1/artifacts/"]
	for name, test := range map[string]struct {
		decode func([]byte) (any, error)
		body   string
		want   string
	}{
		"a field twice": {settings, `{"settings":{"expiration":{"bins":-1}},"settings":{"expiration":{"root":1}}}`,
			`line 1, column 1: the object names the field "settings" twice`},
		"a role twice": {settings, `{"settings":{"expiration":{"bins":-1,"bins":1}}}`,
			`line 1, column 27: the object names the field "bins" twice`},
		"artifacts twice": {add, `{"artifacts":[{"path":"a","info":{"custom":[],"length":1,"hashes":{"sha256":"` + digest + `"}}}],` + "\n" +
			`"artifacts":[{"path":"a","info":{"length":1,"hashes":{"sha256":"` + digest + `"}}}]}`,
			`line 1, column 1: the object names the field "artifacts" twice`},
		"a root twice": {decoders["POST /api/v1/metadata/"], `{"metadata":{"root":` + root + `,"root":` + root + `}}`,
			`line 1, column 13: the object names the field "root" twice`},
		"a field twice in custom":     {add, artifactWith(`"a"`, `{"length":1,"hashes":{"sha256":"`+digest+`"},"custom":{"x":1,"x":2}}`), "twice"},
		"a field written in two ways": {settings, `{"settings":{"expiration":{"bins":1,"bi\u006es":1}}}`, `the object names the field "bins" twice`},
		"not UTF-8":                   {add, artifactWith("\"a\xff\"", `{"length":1,"hashes":{"sha256":"`+digest+`"}}`), "a string is not valid UTF-8"},
		"half a pair":                 {add, artifactWith(`"a\ud800"`, `{"length":1,"hashes":{"sha256":"`+digest+`"}}`), "a wrong escape in a string"},
		"nested deeply":               {add, artifactWith(`"a"`, `{"length":1,"hashes":{},"custom":{"x":`+strings.Repeat("[", 200)+strings.Repeat("]", 200)+`}}`), "nested more than 100 levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, err := test.decode([]byte(test.body))
			require.Error(t, err)
			assert.ErrorContains(t, err, test.want)
			assert.Nil(t, request)
			var invalid rstuf.ValidationError
			assert.True(t, errors.As(err, &invalid))
		})
	}
}

// TestDecodeCostsLittle: a body that is wrong in a million places, or holds an
// endless number, costs neither memory nor time out of proportion.
func TestDecodeCostsLittle(t *testing.T) {
	const size = 2 << 20
	for name, body := range map[string]string{
		"wrong everywhere": `{"artifacts":[` + strings.Repeat("1,", size/2) + `1]}`,
		"wrong paths":      `{"artifacts":[` + strings.Repeat(`{"path":"","info":{"length":1,"hashes":{}}},`, size/44) + `1]}`,
		"digits":           artifactWith(`"a"`, `{"hashes":{},"length":`+strings.Repeat("9", size)+`}`),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := rstuf.Decode[rstuf.AddArtifacts]([]byte(body))
		runtime.ReadMemStats(&after)
		var invalid rstuf.ValidationError
		require.ErrorAs(t, err, &invalid, name)
		assert.LessOrEqual(t, len(invalid), 110, name)
		assert.Less(t, time.Since(start), time.Minute, name) // a second or so, but for machines that do much else
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(100*size), name)
	}
}

// TestErrorsDoNotRepeatTheBody: an error that is about much of a body holds it
// only while it is short, and a thousand errors do not hold it a thousand times.
func TestErrorsDoNotRepeatTheBody(t *testing.T) {
	var fields, names strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&fields, `"bad%d":1,`, i)
		fmt.Fprintf(&names, `{"name":"../%d","terminating":true,"keyids":[],"threshold":1,"paths":["a"],"x-rstuf-expire-policy":1},`, i)
	}
	for name, test := range map[string]struct{ endpoint, body string }{
		"unknown fields": {"POST /api/v1/metadata/", `{"metadata":{"root":` + strings.Replace(root, `"_type"`, fields.String()+`"_type"`, 1) + `}}`},
		"bad names":      {"POST /api/v1/delegations/", `{"delegations":{"keys":{},"roles":[` + strings.TrimSuffix(names.String(), ",") + `]}}`},
		"missing fields": {"POST /api/v1/bootstrap/", `{"settings":{"roles":{"x":"` + strings.Repeat("a", 1<<20) + `"}}}`},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decoders[test.endpoint]([]byte(test.body))
		runtime.ReadMemStats(&after)
		var invalid rstuf.ValidationError
		require.ErrorAs(t, err, &invalid, name)
		assert.LessOrEqual(t, len(invalid), 110, name)
		held := 0
		for _, e := range invalid {
			held += len(e.Input)
		}
		assert.Less(t, held, 100_000, name)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(40<<20), name)
	}
}

// TestValidateRefusesWhatJSONWouldChange: such a request would not arrive as
// it was checked.
func TestValidateRefusesWhatJSONWouldChange(t *testing.T) {
	t.Parallel()
	fine := rstuf.ArtifactInfo{Hashes: map[string]string{"sha256": digest}}
	with := func(custom string) rstuf.ArtifactInfo {
		info := fine
		info.Custom = json.RawMessage(custom)
		return info
	}
	for name, test := range map[string]struct {
		artifact rstuf.Artifact
		want     string
	}{
		"path":               {rstuf.Artifact{Path: "a\xff", Info: fine}, "path: a path must be valid UTF-8"},
		"custom, broken":     {rstuf.Artifact{Path: "a", Info: with(`{"a":`)}, "info.custom: custom must be a JSON object"},
		"custom, two":        {rstuf.Artifact{Path: "a", Info: with(`{}{}`)}, "info.custom: custom must be a JSON object"},
		"custom, ambiguous":  {rstuf.Artifact{Path: "a", Info: with(`{"a":1,"a":2}`)}, `info.custom: line 1, column 1: the object names the field "a" twice`},
		"custom, a fraction": {rstuf.Artifact{Path: "a", Info: with(`{"a":1.5}`)}, "info.custom: line 1, column 6: the number 1.5 is not an integer"},
		"custom, a list":     {rstuf.Artifact{Path: "a", Info: with(` []`)}, "info.custom: custom must be a JSON object"},
	} {
		assert.ErrorContains(t, test.artifact.Validate(), test.want, name)
		assert.ErrorContains(t, (&rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{test.artifact}}).Validate(), "artifacts[0]."+test.want, name)
	}
	for _, custom := range []string{"", "null", `{"a":1}`, ` {"a":1}`, `{"a":-9007199254740991}`} {
		artifact := rstuf.Artifact{Path: "ä", Info: with(custom)}
		assert.NoError(t, artifact.Validate(), custom)
	}
}

// What the API converts is converted before the rules look at it, also in files
// that people write; what signatures cover stays as it is.
func TestDecodeConverts(t *testing.T) {
	t.Parallel()
	add, err := rstuf.DecodeStrict[rstuf.AddArtifacts]([]byte(`{"artifacts":[{"path":"a","info":{"length":"630","hashes":{"sha256":"` + digest + `"},"custom":{"n":"1","b":1}}}],
		"add_task_id_to_custom":"yes","publish_artifacts":"off"}`))
	require.NoError(t, err)
	assert.EqualValues(t, 630, add.Artifacts[0].Info.Length)
	assert.JSONEq(t, `{"n":"1","b":1}`, string(add.Artifacts[0].Info.Custom))
	assert.True(t, add.AddTaskIDToCustom)
	assert.True(t, add.SkipPublish)
	settings, err := rstuf.Decode[rstuf.SettingsUpdate]([]byte(`{"settings":{"expiration":{"bins":"1","root":365.0,"targets":true}}}`))
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"bins": 1, "root": 365, "targets": 1}, settings.Expiration)
	for body, want := range map[string]string{
		`{"settings":{"expiration":{"bins":"1.5"}}}`: "int_parsing", `{"settings":{"expiration":{"bins":1.5}}}`: "int_from_float",
		`{"settings":{"expiration":{"bins":""}}}`: "int_parsing", `{"settings":{"expiration":{"bins":null}}}`: "int_type",
		`{"settings":{"expiration":{"bins":"0"}}}`: "greater_than",
	} {
		_, err := rstuf.Decode[rstuf.SettingsUpdate]([]byte(body))
		var fields rstuf.ValidationError
		require.ErrorAs(t, err, &fields, body)
		assert.Equal(t, want, fields[0].Type, body)
	}
	_, err = rstuf.Decode[rstuf.MetadataUpdate]([]byte(strings.Replace(`{"metadata":{"root":`+root+`}}`, `"version":1`, `"version":"1"`, 1)))
	assert.ErrorContains(t, err, "metadata.root.signed.version", "its signatures cover the text")
}

// Fields that would change what a role means are not passed over.
func TestComingFieldsAreRefused(t *testing.T) {
	t.Parallel()
	for _, field := range []string{`"x-rstuf-num-bins":16`, `"x-rstuf-role-online-key":"k"`} {
		body := `{"delegations":{"keys":{},"roles":[{"name":"a","terminating":true,"keyids":[],"threshold":"1","paths":["a/*"],"x-rstuf-expire-policy":"1",` + field + `}]}}`
		_, err := rstuf.Decode[rstuf.DelegationsUpdate]([]byte(body))
		assert.ErrorContains(t, err, strings.Trim(strings.SplitN(field, ":", 2)[0], `"`))
	}
	role, err := rstuf.Decode[rstuf.DelegationsUpdate]([]byte(`{"delegations":{"keys":{},"roles":[{"name":"a","terminating":"true","keyids":[],"threshold":"1","paths":["a/*"],"x-rstuf-expire-policy":"7","x-acme-note":"kept"}]}}`))
	require.NoError(t, err)
	assert.Equal(t, 7, role.Delegations.Roles[0].ExpirePolicy)
	assert.Contains(t, role.Delegations.Roles[0].Extra, "x-acme-note")
}
