package ceremony_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
)

var testNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func public(name string) keys.Public { return exampleKey(name).Public() }

// goodPolicy is valid; tests change a copy.
func goodPolicy() ceremony.Policy {
	return ceremony.Policy{
		RootKeys:  []keys.Public{public("alice"), public("bob"), public("carol")},
		Threshold: 2,
		OnlineKey: public("online"),
		Now:       testNow,
	}
}

func problemsOf(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var invalid *ceremony.PolicyError
	require.ErrorAs(t, err, &invalid)
	assert.NotContains(t, err.Error(), "\n")
	return invalid.Problems
}

func TestPolicyDefaults(t *testing.T) {
	t.Parallel()
	draft, err := ceremony.New(goodPolicy())
	require.NoError(t, err)
	payload := draft.Payload()
	roles := payload.Settings.Roles
	assert.Equal(t, rstuf.RolesSettings{
		Root: rstuf.RoleSettings{Expiration: 365}, Targets: rstuf.RoleSettings{Expiration: 365},
		Snapshot: rstuf.RoleSettings{Expiration: 1}, Timestamp: rstuf.RoleSettings{Expiration: 1},
		Bins: &rstuf.BinsSettings{Expiration: 1, NumberOfDelegatedBins: 256},
	}, roles)
	assert.Equal(t, 300, payload.Timeout)
	root, err := draft.Document().Root()
	require.NoError(t, err)
	assert.Equal(t, testNow.AddDate(0, 0, 365), root.Expires)
	assert.Equal(t, "fn:"+public("online").ID(), root.Keys[public("online").ID()].OnlineURI)
}

func TestPolicyProblems(t *testing.T) {
	t.Parallel()
	sigstore := keys.Sigstore("carol@example.com", "https://accounts.example.com", "carol")
	for name, c := range map[string]struct {
		change func(*ceremony.Policy)
		want   []string
	}{
		"nothing is wrong":  {func(*ceremony.Policy) {}, nil},
		"sigstore root key": {func(p *ceremony.Policy) { p.RootKeys[2] = sigstore }, nil},
		"everything is missing": {func(p *ceremony.Policy) { *p = ceremony.Policy{} }, []string{
			"root keys: there are none",
			"threshold: it must be given, at least 2",
			"online key: the key is missing",
		}},
		"threshold one": {func(p *ceremony.Policy) { p.Threshold = 1 }, []string{
			"threshold: 1 lets a single key decide alone; it must be at least 2 (or allow a threshold of one, which is unsafe)",
		}},
		"threshold one, allowed": {func(p *ceremony.Policy) {
			p.RootKeys, p.Threshold, p.AllowThresholdOneUnsafe = p.RootKeys[:1], 1, true
		}, nil},
		"threshold too high": {func(p *ceremony.Policy) { p.Threshold = 4 }, []string{"threshold: 4 signatures are wanted of 3 root keys"}},
		"threshold negative": {func(p *ceremony.Policy) { p.Threshold = -1 }, []string{"threshold: -1 is not a number of signatures"}},
		"same key, same name": {func(p *ceremony.Policy) {
			p.RootKeys = []keys.Public{public("alice"), public("alice"), public("bob").WithName("alice")}
		}, []string{
			"root key 2 (alice (faa2b7f9ab41d333)): the same key stands there twice",
			"root key 3 (alice (fb9de62535fb6645)): another root key has the same name",
		}},
		"names and URIs": {func(p *ceremony.Policy) {
			p.RootKeys = []keys.Public{public("alice").WithName(""), public("bob").WithOnlineURI("fn:bob"), {}}
		}, []string{
			"root key 1 (faa2b7f9ab41d333): it has no name",
			"root key 2 (bob (fb9de62535fb6645)): it has an online key URI, but root keys are offline",
			"root key 3: the key is missing",
		}},
		"online key is a root key": {func(p *ceremony.Policy) { p.OnlineKey = public("bob") }, []string{
			"online key (bob (fb9de62535fb6645)): it is also a root key, and those must be offline",
		}},
		"online key of Sigstore": {func(p *ceremony.Policy) { p.OnlineKey = sigstore }, []string{
			"online key (" + sigstore.String() + "): a Sigstore key needs a person and can't be online",
		}},
		"online key URI": {func(p *ceremony.Policy) { p.OnlineKey = p.OnlineKey.WithOnlineURI("online") }, []string{
			`online key (online (9c66095cb3e5da91)): "online" is not a key URI such as fn:<file>`,
		}},
		"bins":          {func(p *ceremony.Policy) { p.HashBins = 3 }, []string{"hash bins: 3 is not a power of two from 2 to 16384"}},
		"too many bins": {func(p *ceremony.Policy) { p.HashBins = 32768 }, []string{"hash bins: 32768 is not a power of two from 2 to 16384"}},
		"bins and delegations": {func(p *ceremony.Policy) {
			p.HashBins, p.Expirations.Bins = 4, 1
			p.Delegations = []ceremony.Role{{Name: "r", Paths: []string{"*"}, Days: 1}}
		}, []string{
			"hash bins and delegations: only one of the two is possible",
			"expiration of bins: there are no hash bins beside delegations",
		}},
		"days": {func(p *ceremony.Policy) {
			p.Expirations = ceremony.Expirations{Root: -1, Targets: 40000, Snapshot: 36500, Timestamp: 1, Bins: -2}
			p.Timeout = -1
		}, []string{
			"expiration of root: -1 days, but it must be from 1 to 36500",
			"expiration of targets: 40000 days, but it must be from 1 to 36500",
			"expiration of bins: -2 days, but it must be from 1 to 36500",
			"timeout: -1 seconds, but it can't be negative",
		}},
		"base URL": {func(p *ceremony.Policy) { p.TargetsBaseURL = "https://user:secret@example.com/" }, []string{
			"targets base URL: it must be like https://example.com/path/, without user, query and fragment",
		}},
		"first generation": {func(p *ceremony.Policy) {
			p.FirstGeneration = true
			p.RootKeys[2] = sigstore
			p.Delegations = []ceremony.Role{{Name: "r", Paths: []string{"*"}, Days: 1}}
		}, []string{
			"first generation: its payload needs the targets base URL",
			"first generation: it has hash bins only, no delegations",
			"first generation: it does not know the key type of root key " + sigstore.String(),
		}},
		"delegations": {func(p *ceremony.Policy) {
			p.Delegations = []ceremony.Role{
				{Name: "../x", Paths: []string{"a"}, Days: 1},
				{Name: "targets", Paths: []string{""}, Days: 1},
				{Name: "dev", Days: 0, Keys: []keys.Public{public("dan"), public("dan"), public("online")}},
				{Name: "dev", Paths: []string{"a"}, Days: 1, Threshold: 2},
				{Paths: []string{"a"}, Days: 1, Threshold: 3, Keys: []keys.Public{public("dan").WithName("daniel"), {}}},
			}
		}, []string{
			`delegation "../x": a name has letters, digits, - and _, and is not that of a top-level role`,
			`delegation "targets": a name has letters, digits, - and _, and is not that of a top-level role`,
			`delegation "targets": it needs at least one path, and none can be empty`,
			`delegation "dev": it needs at least one path, and none can be empty`,
			`delegation "dev": expiration: 0 days, but it must be from 1 to 36500`,
			`delegation "dev": key dan (` + public("dan").ID()[:16] + `) stands there twice`,
			`delegation "dev": key online (9c66095cb3e5da91) is the online key: leave the keys out to have it sign`,
			`delegation "dev": the threshold must be given, at least 1`,
			`delegation "dev": the name stands there twice`,
			`delegation "dev": threshold 2, but without keys the online key signs alone`,
			`delegation 5: it has no name`,
			`delegation 5: key daniel (` + public("dan").ID()[:16] + `) has the name "dan" in another role`,
			`delegation 5: key 2: the key is missing`,
			`delegation 5: 3 signatures are wanted of 2 keys`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := goodPolicy()
			c.change(&policy)
			err := policy.Validate()
			assert.Equal(t, c.want, problemsOf(t, err))
			_, newErr := ceremony.New(policy)
			assert.Equal(t, err == nil, newErr == nil, newErr)
		})
	}
}

// TestPolicyRefusesSecretFields: a key object that carries more than public
// values never gets into a root.
func TestPolicyRefusesSecretFields(t *testing.T) {
	t.Parallel()
	object := public("alice").Key()
	object.Value["private"] = "5ec4e7"
	leaky, err := keys.FromKey(object)
	require.NoError(t, err)
	policy := goodPolicy()
	policy.RootKeys[0] = leaky
	assert.Equal(t, []string{"root key 1 (" + leaky.String() + `): keyval has the field "private", which is not part of a public key`}, problemsOf(t, policy.Validate()))

	object = public("alice").Key()
	object.Extra = map[string]json.RawMessage{"private": json.RawMessage(`"5ec4e7"`)}
	leaky, err = keys.FromKey(object)
	require.NoError(t, err)
	policy = goodPolicy()
	policy.RootKeys[0] = leaky
	draft, err := ceremony.New(policy)
	require.NoError(t, err)
	assert.NotContains(t, encode(t, draft), "5ec4e7")
}

const yamlPolicy = `# for the test
root_keys:
  - {name: alice, file: alice.pub}
  - {name: bob, public: BOB, id: fb9de62535fb6645e0aad20132e00168e96dd9a812ec81484837ee77ce063faa}
  - name: carol
    sigstore: {identity: carol@example.com, issuer: "https://accounts.example.com"}
threshold: 2
online_key: {name: online, file: keys/online.pub, uri: "hv:online/1"}
delegations:
  - name: dev
    paths: ["dev/*"]
    keys: [{name: dan, public: DAN}]
    threshold: 1
    expiration: 30
    not_terminating: true
expirations: {root: 100, timestamp: 2}
targets_base_url: https://example.com/artifacts
timeout: 60
`

// policyDir is a folder with the files that yamlPolicy names.
func policyDir(t *testing.T) (dir, text string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "keys"), 0o755))
	for name, file := range map[string]string{"alice": "alice.pub", "online": "keys/online.pub"} {
		pem, err := public(name).MarshalPEM()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), pem, 0o644))
	}
	return dir, strings.NewReplacer("BOB", public("bob").Key().Public(), "DAN", public("dan").Key().Public()).Replace(yamlPolicy)
}

func TestLoadPolicy(t *testing.T) {
	t.Parallel()
	dir, text := policyDir(t)
	path := filepath.Join(dir, "policy.yml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	policy, err := ceremony.LoadPolicy(path)
	require.NoError(t, err)
	assert.Equal(t, ceremony.Policy{
		RootKeys: []keys.Public{
			public("alice"), public("bob"), keys.Sigstore("carol@example.com", "https://accounts.example.com", "carol"),
		},
		Threshold:      2,
		OnlineKey:      public("online").WithOnlineURI("hv:online/1"),
		Delegations:    []ceremony.Role{{Name: "dev", Paths: []string{"dev/*"}, Keys: []keys.Public{public("dan")}, Threshold: 1, Days: 30, NotTerminating: true}},
		Expirations:    ceremony.Expirations{Root: 100, Timestamp: 2},
		TargetsBaseURL: "https://example.com/artifacts",
		Timeout:        60,
	}, policy)
	draft, err := ceremony.New(policy)
	require.NoError(t, err)
	assert.Equal(t, "https://example.com/artifacts/", draft.TargetsBaseURL())

	partial := filepath.Join(dir, "partial.yml")
	require.NoError(t, os.WriteFile(partial, []byte("root_keys: [{name: alice, file: alice.pub}]\n"), 0o644))
	policy, err = ceremony.LoadPartialPolicy(partial)
	require.NoError(t, err)
	assert.Equal(t, ceremony.Policy{RootKeys: []keys.Public{public("alice")}}, policy)
	assert.Error(t, policy.Validate())
	require.NoError(t, os.WriteFile(partial, []byte("root_keys: [{name: alice, file: none.pub}]\n"), 0o644))
	_, err = ceremony.LoadPartialPolicy(partial)
	assert.ErrorContains(t, err, "root key 1: load public key")
	_, err = ceremony.LoadPartialPolicy(filepath.Join(dir, "none.yml"))
	assert.ErrorIs(t, err, fs.ErrNotExist)

	_, err = ceremony.LoadPolicy(filepath.Join(dir, "none.yml"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// TestPolicyJSON reads the same policy as JSON.
func TestPolicyJSON(t *testing.T) {
	t.Parallel()
	dir, text := policyDir(t)
	fromYAML, err := ceremony.ParsePolicy([]byte(text), dir)
	require.NoError(t, err)
	var tree any
	require.NoError(t, yaml.Unmarshal([]byte(text), &tree))
	fromJSON, err := ceremony.ParsePolicy([]byte(encode(t, tree)), dir)
	require.NoError(t, err)
	assert.Equal(t, fromYAML, fromJSON)
}

func TestBadPolicyFiles(t *testing.T) {
	t.Parallel()
	dir, text := policyDir(t)
	with := func(old, new string) string {
		require.Contains(t, text, old)
		return strings.Replace(text, old, new, 1)
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {"", "the file is empty"},
		"no mapping":        {"- a\n", "cannot unmarshal !!seq into policy"},
		"unknown field":     {with("threshold: 2", "treshold: 2"), "field treshold not found in type policy"},
		"unknown key field": {with("file: alice.pub", "file: alice.pub, color: red"), "field color not found"},
		"field twice":       {text + "threshold: 3\n", "already defined"},
		"two documents":     {text + "---\n" + text, "something follows the policy"},
		"wrong type":        {with("threshold: 2", "threshold: two"), `line 7: "two" is not a whole number`},
		"fraction":          {with("threshold: 2", "threshold: 2.7"), `line 7: "2.7" is not a whole number`},
		"text for number":   {with("threshold: 2", `threshold: "2"`), `line 7: "2" is not a whole number`},
		"fraction in role":  {with("expiration: 30", "expiration: 30.5"), `"30.5" is not a whole number`},
		"JSON fraction":     {`{"threshold": 2.7}`, "threshold: it must be a whole number, not number 2.7"},
		"JSON, other case":  {`{"threshold": 2, "Threshold": 1}`, `unknown field "Threshold"`},
		"explicit zero":     {with("threshold: 2", "threshold: 0"), "threshold: 0 is not possible; leave it out for the default"},
		"unknown role":      {with("root: 100", "roots: 100"), `expirations: there is no role "roots"`},
		"days of zero":      {with("root: 100", "root: 0"), "expiration of root: 0 is not possible"},
		"no such file":      {with("alice.pub", "alicia.pub"), "root key 1: load public key"},
		"wrong id":          {with("id: fb9d", "id: 1111"), "root key 2: its id is fb9de6"},
		"two forms of key":  {with("file: alice.pub", "file: alice.pub, public: abc"), "root key 1: exactly one of file, public and sigstore must be given"},
		"not UTF-8":         {with("alice", "al\xffce"), "yaml: invalid leading UTF-8 octet"},
		"truncated JSON":    {`{"threshold": 2`, "the text ends"},
		"JSON field twice":  {`{"threshold": 2, "threshold": 3}`, `the object names the field "threshold" twice`},
		"JSON, unknown":     {`{"treshold": 2}`, `unknown field "treshold"`},
		"JSON too deep":     {strings.Repeat(`{"a":`, 1000), "nested more than 100 levels deep"},
		"YAML too deep":     {strings.Repeat("[", 20000), "exceeded max depth"},
		"aliases": {"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n",
			"not found"},
		"huge": {strings.Repeat("# comment\n", 200_000), "larger than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ceremony.ParsePolicy([]byte(c.text), dir)
			require.Error(t, err)
			assert.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

// TestPolicyFileReportsAll: what is wrong with the file and what is wrong with
// the policy come in one error, each once.
func TestPolicyFileReportsAll(t *testing.T) {
	t.Parallel()
	_, err := ceremony.ParsePolicy([]byte("root_keys: [{name: alice, file: none.pub}]\nhash_bins: 3\nexpirations: {bins: 0}\n"), t.TempDir())
	problems := problemsOf(t, err)
	require.Len(t, problems, 5, "%q", problems)
	assert.Contains(t, problems[0], "root key 1: load public key")
	assert.Equal(t, []string{
		"expiration of bins: 0 is not possible; leave it out for the default",
		"threshold: it must be given, at least 2",
	}, problems[1:3])
	assert.True(t, errors.As(err, new(*ceremony.PolicyError)))
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(yamlPolicy))
	f.Add([]byte(`{"root_keys": [{"name": "a", "public": "` + public("alice").Key().Public() + `"}], "threshold": 2, "hash_bins": 4}`))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("{"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		policy, err := ceremony.ParsePolicy(data, dir)
		if err == nil {
			require.NoError(t, policy.Validate())
		}
	})
}

// What a policy says is in its file, whatever kinds of keys it has, and what it
// leaves open stays open.
func TestPolicyAsFile(t *testing.T) {
	t.Parallel()
	rsa, err := keys.Generate(keys.RSA2048, "dora")
	require.NoError(t, err)
	ecdsa, err := keys.Generate(keys.ECDSAP256, "emil")
	require.NoError(t, err)
	full := goodPolicy()
	full.RootKeys = append(full.RootKeys, rsa.Public(), ecdsa.Public(), keys.Sigstore("frida@example.com", "https://accounts.example.com", "frida"))
	full.OnlineKey = full.OnlineKey.WithOnlineURI("fn:somewhere")
	full.Expirations = ceremony.Expirations{Root: 400, Targets: 300, Snapshot: 3, Timestamp: 2}
	full.Delegations = []ceremony.Role{
		{Name: "dev", Paths: []string{"dev/*", "x/*"}, Keys: []keys.Public{public("dan")}, Threshold: 1, Days: 30, NotTerminating: true},
		{Name: "all", Paths: []string{"*"}, Days: 7},
	}
	full.TargetsBaseURL, full.Timeout = "https://example.com/", 77
	data, err := full.JSON()
	require.NoError(t, err)
	again, err := ceremony.ParsePolicy(data, t.TempDir())
	require.NoError(t, err)
	again.Now = full.Now
	want, err := ceremony.New(full)
	require.NoError(t, err)
	got, err := ceremony.New(again)
	require.NoError(t, err)
	assert.Equal(t, want.Fingerprint(), got.Fingerprint())
	assert.Equal(t, want.Payload(), got.Payload())
	assert.Equal(t, want.TargetsBaseURL(), got.TargetsBaseURL())

	data, err = ceremony.Policy{Threshold: 2}.JSON()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "policy.json")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	open, err := ceremony.LoadPartialPolicy(path)
	require.NoError(t, err)
	assert.Equal(t, ceremony.Policy{Threshold: 2}, open)
}

// What a first root means is said of each kind of policy, and of nothing else.
func TestConsequences(t *testing.T) {
	t.Parallel()
	say := func(change func(*ceremony.Policy)) string {
		policy := goodPolicy()
		change(&policy)
		draft, err := ceremony.New(policy)
		require.NoError(t, err)
		return strings.Join(draft.Consequences(), "\n")
	}
	assert.Contains(t, say(func(p *ceremony.Policy) {}), "Any 2 of the 3 holders of root keys (alice, bob, carol)")
	all := say(func(p *ceremony.Policy) { p.Threshold = 3 })
	assert.Contains(t, all, "all 3 root keys together")
	assert.Contains(t, all, "There is no spare key")
	one := say(func(p *ceremony.Policy) {
		p.Threshold, p.RootKeys, p.AllowThresholdOneUnsafe = 1, p.RootKeys[:1], true
	})
	assert.Contains(t, one, "one key alone (alice)")
	custom := say(func(p *ceremony.Policy) {
		p.Delegations = []ceremony.Role{{Name: "all", Paths: []string{"*"}, Days: 7}}
	})
	assert.Contains(t, custom, "custom roles")
	assert.NotContains(t, custom, "spread over")
	assert.Empty(t, new(ceremony.Draft).Consequences())
	assert.Empty(t, new(ceremony.Draft).Fingerprint())
}
