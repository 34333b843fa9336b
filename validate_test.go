package rstuf_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/wire"
)

const (
	digest = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
	root   = `{"signatures":[],"signed":{"_type":"root","version":1,"spec_version":"1.0.31","expires":"2036-01-02T03:04:05Z","keys":{},"roles":{}}}`
	roles  = `"root":{"expiration":365},"targets":{"expiration":365},"snapshot":{"expiration":1},"timestamp":{"expiration":1}`
)

// bootstrapWith is a valid payload with other words in the place of bins.
func bootstrapWith(roleSettings string) string {
	return `{"settings":{"roles":{` + roleSettings + `}},"metadata":{"root":` + root + `}}`
}

func artifactWith(path, info string) string {
	return `{"artifacts":[{"path":` + path + `,"info":` + info + `}]}`
}

func delegationsWith(role string) string {
	return bootstrapWith(roles + `,"delegations":{"keys":{"k1":{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"aa"}}},"roles":[` + role + `]}`)
}

func TestDecodeRefuses(t *testing.T) {
	info := `{"length":1,"hashes":{"sha256":"` + digest + `"}}`
	bootstrap, add := decoders["POST /api/v1/bootstrap/"], decoders["POST /api/v1/artifacts/"]
	for name, test := range map[string]struct {
		decode func([]byte) (any, error)
		body   string
		want   string
	}{
		"bins not a power of two": {bootstrap, bootstrapWith(roles + `,"bins":{"expiration":1,"number_of_delegated_bins":3}`),
			"settings.roles.bins.number_of_delegated_bins: the number of bins must be a power of two, got 3"},
		"an expiry of a century and a day": {bootstrap, bootstrapWith(strings.Replace(roles, "365", "36501", 1) + `,"bins":{"expiration":1,"number_of_delegated_bins":4}`),
			"settings.roles.root.expiration: Input should be less than 36501, got 36501"},
		"no root": {bootstrap, `{"settings":{"roles":{` + roles + `,"bins":{"expiration":1,"number_of_delegated_bins":4}}},"metadata":{}}`,
			"metadata.root: Field required"},
		"a number in place of a root": {bootstrap, `{"settings":{"roles":{` + roles + `}},"metadata":{"root":7}}`,
			"metadata.root: Input should be a valid dictionary or object to extract fields from, got 7"},
		"a role name that leaves the folder": {bootstrap, delegationsWith(`{"name":"../x","terminating":true,"keyids":[],"threshold":1,"paths":["a/*"],"x-rstuf-expire-policy":1}`),
			"settings.roles: Delegated custom target name ../x not allowed Only a-z, A-Z, 0-9, - and _ characters can be used"},
		"a role named root": {bootstrap, delegationsWith(`{"name":"root","terminating":true,"keyids":[],"threshold":1,"paths":["a/*"],"x-rstuf-expire-policy":1}`),
			`settings.roles.delegations.roles[0].name: the name root is taken by TUF or a file system, or too long, got "root"`},
		"an online role with threshold 2": {bootstrap, delegationsWith(`{"name":"a","terminating":true,"keyids":[],"threshold":2,"paths":["a/*"],"x-rstuf-expire-policy":1}`),
			"settings.roles.delegations.roles[0].threshold: a role without keys is signed by the online key alone: its threshold must be 1, got 2"},
		"a threshold above the number of keys": {bootstrap, delegationsWith(`{"name":"a","terminating":true,"keyids":["k1"],"threshold":2,"paths":["a/*"],"x-rstuf-expire-policy":1}`),
			"settings.roles.delegations.roles[0].threshold: 2 signatures are wanted of 1 keys, got 2"},
		"one key counted twice": {bootstrap, delegationsWith(`{"name":"a","terminating":true,"keyids":["k1","k1"],"threshold":2,"paths":["a/*"],"x-rstuf-expire-policy":1}`),
			`settings.roles.delegations.roles[0].keyids: a key id stands here twice, got ["k1","k1"]`},
		"a key that is not there": {bootstrap, delegationsWith(`{"name":"a","terminating":true,"keyids":["k2"],"threshold":1,"paths":["a/*"],"x-rstuf-expire-policy":1}`),
			`settings.roles.delegations.roles[0].keyids: key k2 is not among the keys, got ["k2"]`},
		"a role without a life": {bootstrap, delegationsWith(`{"name":"a","terminating":true,"keyids":[],"threshold":1,"paths":["a/*"]}`),
			"settings.roles.delegations.roles[0].x-rstuf-expire-policy: Field required"},
		"an empty path":           {add, artifactWith(`""`, info), `artifacts[0].path: a path can't be empty, got ""`},
		"a path that climbs":      {add, artifactWith(`"a/../../b"`, info), `artifacts[0].path: a path can't hold .. between slashes, got "a/../../b"`},
		"an absolute path":        {add, artifactWith(`"/etc/passwd"`, info), `artifacts[0].path: a path is relative: it can't start with /, got "/etc/passwd"`},
		"a path with NUL":         {add, artifactWith(`"a\u0000"`, info), `artifacts[0].path: a path can't hold a NUL character, got "a\u0000"`},
		"no hash":                 {add, artifactWith(`"a"`, `{"length":1,"hashes":{}}`), "artifacts[0].info.hashes: at least one hash is required: without one the artifact could never be published, got {}"},
		"a hash that is not hex":  {add, artifactWith(`"a"`, `{"length":1,"hashes":{"sha256":"xyz"}}`), `artifacts[0].info.hashes.sha256: a digest must be lower-case hex, got "xyz"`},
		"a hash in upper case":    {add, artifactWith(`"a"`, `{"length":1,"hashes":{"sha256":"AB"}}`), `artifacts[0].info.hashes.sha256: a digest must be lower-case hex, got "AB"`},
		"a short hash":            {add, artifactWith(`"a"`, `{"length":1,"hashes":{"sha256":"abcd"}}`), `artifacts[0].info.hashes.sha256: a sha256 digest has 64 hex digits, not 4, got "abcd"`},
		"an unknown hash":         {add, artifactWith(`"a"`, `{"length":1,"hashes":{"tiger":"abc"}}`), `artifacts[0].info.hashes.tiger: "tiger" is no hash that clients know, and one that they do not know makes the artifact unusable for python-tuf: use sha256, got "abc"`},
		"a negative length":       {add, artifactWith(`"a"`, strings.Replace(info, ":1,", ":-1,", 1)), "artifacts[0].info.length: a length can't be negative, got -1"},
		"a length beyond int64":   {add, artifactWith(`"a"`, strings.Replace(info, ":1,", ":9223372036854775808,", 1)), "artifacts[0].info.length: Unable to parse input string as an integer, exceeded maximum size, got 9223372036854775808"},
		"a length with a point":   {add, artifactWith(`"a"`, strings.Replace(info, ":1,", ":1.5,", 1)), "artifacts[0].info.length: Input should be a valid integer, got a number with a fractional part, got 1.5"},
		"custom that is a list":   {add, artifactWith(`"a"`, strings.Replace(info, "{", `{"custom":[],`, 1)), "artifacts[0].info.custom: Input should be a valid dictionary, got []"},
		"a truncated body":        {add, `{"artifacts":[{"pa`, "not JSON at byte 18: the body ends too early"},
		"two bodies":              {add, `{"artifacts":[]} {}`, "not JSON at byte 19: something follows the JSON value"},
		"an empty body":           {add, ``, "not JSON at byte 0: the body ends too early"},
		"a body that is a list":   {add, `[]`, "Input should be a valid dictionary or object to extract fields from, got []"},
		"a bump of root":          {decoders["POST /api/v1/metadata/online"], `{"roles":["root"]}`, `roles[0]: root is not signed by the online key, got "root"`},
		"a life of no days":       {decoders["PUT /api/v1/config/"], `{"settings":{"expiration":{"timestamp":0}}}`, "settings.expiration.timestamp: Input should be greater than 0, got 0"},
		"a signature of nothing":  {decoders["POST /api/v1/metadata/sign"], `{"role":"root","signature":{"keyid":"a","sig":""}}`, `signature: either sig or bundle is required, got {"keyid":"a","sig":""}`},
		"no delegations to add":   {decoders["POST /api/v1/delegations/"], `{"delegations":{"keys":{},"roles":[]}}`, "delegations.roles: at least one role is required, got []"},
		"no delegations to drop":  {decoders["POST /api/v1/delegations/delete"], `{"delegations":{"roles":[]}}`, "delegations.roles: at least one role is required, got []"},
		"an unknown key value":    {decoders["POST /api/v1/delegations/"], `{"delegations":{"keys":{"k":{"keytype":"a","scheme":"b","keyval":{"private":"c"}}},"roles":[]}}`, `delegations.keys.k.keyval.private.[key]: Input should be one of 'public', 'issuer' or 'identity', got "private"`},
		"a field in other case":   {decoders["PUT /api/v1/config/"], `{"settings":{"expiration":{"bins":1},"Expiration":{"bins":-1}}}`, `settings.Expiration: Extra inputs are not permitted, got {"bins":-1}`},
		"an empty path to delete": {decoders["POST /api/v1/artifacts/delete"], `{"artifacts":[""]}`, `artifacts[0]: a path can't be empty, got ""`},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := test.decode([]byte(test.body))
			assert.EqualError(t, err, test.want)
			assert.Nil(t, request)
		})
	}
}

func TestDecodeReportsEveryFieldAtOnce(t *testing.T) {
	_, err := rstuf.Decode[rstuf.AddArtifacts]([]byte(`{"artifacts":[{"path":"","info":{"length":-1,"hashes":{}}}]}`))
	var all rstuf.ValidationError
	require.ErrorAs(t, err, &all)
	assert.Len(t, all, 3)
	var first rstuf.FieldError
	require.True(t, errors.As(err, &first))
	assert.Equal(t, "artifacts[0].path", first.Field())
}

func TestDecodeStrictRefusesUnknownFields(t *testing.T) {
	body := []byte(bootstrapWith(roles + `,"bins":{"expiration":1,"number_of_delegated_bins":4,"colour":"red"}`))
	_, err := rstuf.Decode[rstuf.BootstrapPayload](body)
	require.NoError(t, err)
	_, err = rstuf.DecodeStrict[rstuf.BootstrapPayload](body)
	assert.EqualError(t, err, `settings.roles.bins.colour: Extra inputs are not permitted, got "red"`)
}

func TestValidateOfRequestsMadeInGo(t *testing.T) {
	payload := &rstuf.BootstrapPayload{
		Settings: rstuf.Settings{Roles: rstuf.RolesSettings{
			Root: rstuf.RoleSettings{Expiration: 365}, Targets: rstuf.RoleSettings{Expiration: 365},
			Snapshot: rstuf.RoleSettings{Expiration: 1}, Timestamp: rstuf.RoleSettings{Expiration: 1},
			Bins: &rstuf.BinsSettings{Expiration: 1, NumberOfDelegatedBins: 256},
		}},
		Metadata: map[string]json.RawMessage{rstuf.RoleRoot: json.RawMessage(root)},
	}
	require.NoError(t, payload.Validate())
	payload.Settings.Roles.Timestamp.Expiration = 0
	assert.EqualError(t, payload.Validate(), "settings.roles.timestamp.expiration: Input should be greater than 0, got 0")

	sign := &rstuf.MetadataSign{Role: "root", Signature: rstuf.Signature{KeyID: "a", Bundle: json.RawMessage(`{"v":1}`)}}
	assert.NoError(t, sign.Validate())
	for _, request := range []interface{ Validate() error }{
		&rstuf.MetadataSignDelete{Role: "root"}, &rstuf.OnlineBump{Roles: []string{}}, &rstuf.AddArtifacts{}, &rstuf.DeleteArtifacts{},
		&rstuf.SettingsUpdate{Expiration: map[string]int{"bins": 2}},
		&rstuf.DelegationsDelete{Roles: []string{"a"}},
		&rstuf.MetadataUpdate{Metadata: map[string]json.RawMessage{"root": json.RawMessage(root)}},
		&rstuf.Artifact{Path: "a", Info: rstuf.ArtifactInfo{Hashes: map[string]string{"sha256": digest}}},
	} {
		assert.NoError(t, request.Validate(), "%T", request)
	}
}

func TestUnknownFieldsSurvive(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		into any
	}{
		"key":     {`{"keytype":"a","scheme":"b","keyval":{"public":"c","x":"d"},"x-rstuf-key-name":"n","x-acme":[1,{"a":null}]}`, new(rstuf.Key)},
		"odd key": {`{"keytype":"a","scheme":"b","keyval":{"public":{"x":[1]}},"x-acme":1}`, new(rstuf.Key)},
		"role":    {`{"name":"a","terminating":true,"keyids":[],"threshold":1,"paths":["p"],"x-acme":12345678901234567890}`, new(rstuf.DelegatedRole)},
		"details": {`{"added_artifacts":[],"x":{"y":1}}`, new(rstuf.TaskDetails)},
		"setting": {`{"bootstrap":"id","targets_online_key":true,"root_signing":null,"colour":"red","a_b_expiration":3}`, new(rstuf.RepositorySettings)},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, json.Unmarshal([]byte(test.body), test.into))
			again, err := json.Marshal(test.into)
			require.NoError(t, err)
			assert.JSONEq(t, test.body, string(again))
		})
	}
}

func TestFieldsThatDifferByCaseAreRefused(t *testing.T) {
	err := json.Unmarshal([]byte(`{"keytype":"a","KeyType":"b","scheme":"c","keyval":{}}`), new(rstuf.Key))
	assert.EqualError(t, err, `field "KeyType" is not written "keytype"`)
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		`"2026-11-22T12:48:50.800401Z"`:     `"2026-11-22T12:48:50.800401Z"`,
		`"2022-12-01T12:10:00.578086"`:      `"2022-12-01T12:10:00.578086Z"`,
		`"2022-12-01T12:10:00"`:             `"2022-12-01T12:10:00.000000Z"`,
		`"2022-12-01T13:10:00.5+01:00"`:     `"2022-12-01T12:10:00.500000Z"`,
		`null`:                              `"0001-01-01T00:00:00.000000Z"`,
		`"2022-12-01T12:10:00.5786860001Z"`: `"2022-12-01T12:10:00.578686Z"`,
	} {
		var parsed rstuf.Time
		require.NoError(t, json.Unmarshal([]byte(text), &parsed), text)
		again, err := json.Marshal(parsed)
		require.NoError(t, err)
		assert.Equal(t, want, string(again), text)
	}
	assert.Error(t, json.Unmarshal([]byte(`"yesterday"`), new(rstuf.Time)))
}

func FuzzDecode(f *testing.F) {
	all, err := testdir.ReadRecordings("testdata/recordings")
	require.NoError(f, err)
	for _, e := range all["hash-bins"] {
		if len(e.Request.Body) > 0 && len(e.Request.Body) < 2000 {
			f.Add([]byte(e.Request.Body))
		}
	}
	f.Add([]byte(delegationsWith(`{"name":"a","terminating":true,"keyids":["k1"],"threshold":1,"paths":["a/*"],"x-rstuf-expire-policy":1}`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		for name, decode := range decoders {
			request, err := decode(body)
			if err != nil {
				if strings.TrimSpace(err.Error()) == "" {
					t.Errorf("%s: an error without words", name)
				}
				continue
			}
			// What was accepted stays acceptable when it is written again.
			again, err := json.Marshal(request)
			require.NoError(t, err)
			_, err = decode(again)
			require.NoError(t, err, name)
		}
		_ = json.Unmarshal(body, new(wire.Response[rstuf.Task]))
		_ = json.Unmarshal(body, new(wire.Response[rstuf.RepositorySettings]))
		_ = json.Unmarshal(body, new(wire.ErrorBody))
	})
}
