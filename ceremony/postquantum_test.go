package ceremony_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
)

// mixed are two classical and two post-quantum keys.
func mixed(t *testing.T) (classical, pq []*keys.Private) {
	t.Helper()
	for _, k := range []struct {
		kind keys.Type
		name string
		into *[]*keys.Private
	}{{keys.Ed25519, "alice", &classical}, {keys.ECDSAP256, "bob", &classical}, {keys.MLDSA65, "carol", &pq}, {keys.MLDSA87, "dan", &pq}} {
		key, err := keys.Generate(k.kind, k.name)
		require.NoError(t, err)
		*k.into = append(*k.into, key)
	}
	return classical, pq
}

func publics(list ...*keys.Private) []keys.Public {
	var out []keys.Public
	for _, key := range list {
		out = append(out, key.Public())
	}
	return out
}

func TestPostQuantumPolicy(t *testing.T) {
	t.Parallel()
	classical, pq := mixed(t)
	online, err := keys.Generate(keys.Ed25519, "online")
	require.NoError(t, err)
	all := publics(classical[0], classical[1], pq[0], pq[1])
	for name, test := range map[string]struct {
		change func(*ceremony.Policy)
		says   string // empty: it is right
	}{
		"not named":               {func(*ceremony.Policy) {}, "an ML-DSA key must be allowed (allow_ml_dsa"},
		"allowed":                 {func(p *ceremony.Policy) { p.AllowMLDSA = true }, ""},
		"one of three":            {func(p *ceremony.Policy) { p.PostQuantum = 1 }, ""},
		"two of three":            {func(p *ceremony.Policy) { p.PostQuantum = 2 }, "at most 1 of the root keys may be of another kind than ML-DSA, but 2 are"},
		"two of four":             {func(p *ceremony.Policy) { p.PostQuantum, p.Threshold = 2, 4 }, ""},
		"more than the threshold": {func(p *ceremony.Policy) { p.PostQuantum = 4 }, "4 of the 3 signatures of the threshold is not possible"},
		"less than none":          {func(p *ceremony.Policy) { p.PostQuantum = -1 }, "is not possible"},
		"none is there":           {func(p *ceremony.Policy) { p.RootKeys, p.Threshold, p.PostQuantum = all[:2], 2, 1 }, "at most 1 of the root keys"},
		"a delegation, not named": {func(p *ceremony.Policy) { p.RootKeys, p.Threshold, p.Delegations = all[:2], 2, pqRole(pq[0]) }, "delegation dev (carol"},
		"a delegation":            {func(p *ceremony.Policy) { p.AllowMLDSA, p.Delegations = true, pqRole(pq[0]) }, ""},
		"online":                  {func(p *ceremony.Policy) { p.AllowMLDSA, p.RootKeys, p.OnlineKey = true, all[:3], pq[1].Public() }, "an ML-DSA key can't be online"},
		"the first generation is none": {func(p *ceremony.Policy) {
			p.AllowMLDSA, p.FirstGeneration, p.TargetsBaseURL = true, true, "https://example.com/"
		}, "it does not know the key type of root key carol"},
	} {
		policy := ceremony.Policy{RootKeys: all, Threshold: 3, OnlineKey: online.Public()}
		test.change(&policy)
		err := policy.Validate()
		if test.says == "" {
			assert.NoError(t, err, name)
			data, err := policy.JSON()
			require.NoError(t, err)
			back, err := ceremony.ParsePolicy(data, "")
			require.NoError(t, err, name)
			assert.Equal(t, policy.PostQuantum, back.PostQuantum)
			assert.Equal(t, policy.AllowMLDSA, back.AllowMLDSA)
			continue
		}
		assert.ErrorContains(t, err, test.says, name)
	}
	_, err = ceremony.ParsePolicy([]byte("post_quantum: 0\n"), "")
	assert.ErrorContains(t, err, "post-quantum: 0 is not possible")
}

func pqRole(key *keys.Private) []ceremony.Role {
	return []ceremony.Role{{Name: "dev", Paths: []string{"dev/*"}, Keys: publics(key), Threshold: 1, Days: 30}}
}

// A mixed root is signed and verified like any other; the review says what it
// promises and whom it locks out, before anybody signs, and what a next root
// gives up.
func TestPostQuantumRoot(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	classical, pq := mixed(t)
	online, err := keys.Generate(keys.Ed25519, "online")
	require.NoError(t, err)
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: publics(classical[0], pq[0], pq[1]), Threshold: 2, PostQuantum: 1, OnlineKey: online.Public(), Now: testNow,
	})
	require.NoError(t, err)
	review := draft.Review(testNow)
	assert.Contains(t, review.Contents, ceremony.Item{Field: "post-quantum", Value: "at least 1 of any 2 root signatures"})
	assert.Contains(t, review.String(), "go-tuf 2.4 verifies no role that has an ML-DSA key")
	require.NoError(t, draft.Sign(ctx, classical[0]))
	assert.False(t, draft.Status().Complete())
	require.NoError(t, draft.Sign(ctx, pq[0]))
	assert.True(t, draft.Status().Complete())

	file := filepath.Join(t.TempDir(), "draft.json")
	require.NoError(t, draft.Save(file))
	again, err := ceremony.LoadDraft(file)
	require.NoError(t, err)
	assert.True(t, again.Status().Complete())

	for name, test := range map[string]struct {
		change ceremony.Change
		says   string
	}{
		"kept":      {ceremony.Change{AddRootKeys: publics(classical[1]), Threshold: 3, PostQuantum: 1}, ""},
		"broken":    {ceremony.Change{AddRootKeys: publics(classical[1]), PostQuantum: 1}, "at most 1 of the root keys"},
		"given up":  {ceremony.Change{AddRootKeys: publics(classical[1])}, ""},
		"no leave":  {ceremony.Change{RemoveRootKeys: []string{"dan"}, OnlineKey: pq[1]}, "an ML-DSA key can't be online"},
		"not there": {ceremony.Change{RemoveRootKeys: []string{"carol"}, AddRootKeys: publics(classical[1]), PostQuantum: 1}, "at most 1 of the root keys"},
	} {
		test.change.Now = testNow
		next, err := ceremony.Next(ctx, draft.Document(), test.change)
		if test.says != "" {
			assert.ErrorContains(t, err, test.says, name)
			continue
		}
		require.NoError(t, err, name)
		given := "at least 1 of any 2 root signatures were post-quantum, now at least 0 of any 2 are"
		if name == "given up" {
			assert.Contains(t, next.Review(testNow).Warnings, given)
		} else {
			assert.NotContains(t, next.Review(testNow).Warnings, given)
		}
	}

	// A root without any wants the leave for the first.
	plain, err := ceremony.New(ceremony.Policy{RootKeys: publics(classical...), Threshold: 2, OnlineKey: online.Public(), Now: testNow})
	require.NoError(t, err)
	require.NoError(t, plain.Sign(ctx, classical[0]))
	require.NoError(t, plain.Sign(ctx, classical[1]))
	assert.NotContains(t, plain.Review(testNow).String(), "ML-DSA")
	_, err = ceremony.Next(ctx, plain.Document(), ceremony.Change{AddRootKeys: publics(pq[0]), Now: testNow})
	assert.ErrorContains(t, err, "an ML-DSA key must be allowed")
	_, err = ceremony.Next(ctx, plain.Document(), ceremony.Change{AddRootKeys: publics(pq[0]), AllowMLDSA: true, Now: testNow})
	assert.NoError(t, err)
}
