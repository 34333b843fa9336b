package rstuftest_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuftest"
)

// Root keys and the online key are of any type, and each is rotated.
func TestKeysAndRotations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		repo := rstuftest.New(t,
			rstuftest.WithRootKeys(2, keys.RSA2048, keys.ECDSAP384, keys.Ed25519), rstuftest.WithOnlineKey(keys.ECDSAP256))
		repo.Publish(t, "pkg/a", []byte("a"))
		gone, before := repo.RootKeys[0].Public(), repo.State(t)
		assert.Equal(t, int64(1), before.Versions["root"])
		assert.Equal(t, "a", string(repo.Get(t, "pkg/a")))

		online := repo.OnlineKey.Public()
		repo.RotateRoot(t)
		repo.RotateOnlineKey(t)
		repo.RotateOnlineKey(t)
		repo.RotateRoot(t)
		assert.False(t, online.Same(repo.OnlineKey.Public()))
		assert.Len(t, repo.RootKeys, 3)
		after := repo.State(t)
		assert.Equal(t, int64(5), after.Versions["root"])
		assert.Greater(t, after.Versions["timestamp"], before.Versions["timestamp"])
		assert.Equal(t, before.Artifacts, after.Artifacts)
		doc, err := metadata.Parse(repo.Root(t))
		require.NoError(t, err)
		root, err := doc.Root()
		require.NoError(t, err)
		assert.NotContains(t, root.Keys, gone.ID())
		for _, key := range repo.RootKeys {
			assert.Contains(t, root.Roles["root"].KeyIDs, key.Public().ID())
		}
	})
}

// Roles of people have what they have signed, and what waits for them is told.
func TestPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		repo := rstuftest.New(t,
			rstuftest.WithRole(ceremony.Role{Name: "people", Paths: []string{"people/*"}}, "carol", "dave"),
			rstuftest.WithRole(ceremony.Role{Name: "machines", Paths: []string{"machines/*"}}))
		repo.Publish(t, "machines/m", []byte("m"))
		repo.Stage(t, "people/p", []byte("p"))
		state := repo.State(t)
		assert.Equal(t, []string{"people"}, state.Waiting)
		assert.Equal(t, map[string]string{"machines/m": "machines"}, state.Roles)
		assert.NotContains(t, state.Versions, "people")

		repo.Sign(t, "people", "carol")
		assert.Equal(t, []string{"people"}, repo.State(t).Waiting, "one of two")
		repo.Sign(t, "people")
		state = repo.State(t)
		assert.Empty(t, state.Waiting)
		assert.Equal(t, "people", state.Roles["people/p"])

		for text, f := range map[string]func(t testing.TB){
			"nobody is called":        func(t testing.TB) { repo.Stage(t, "people/q", nil); repo.Sign(t, "people", "eve") },
			"does not wait":           func(t testing.TB) { repo.Sign(t, "machines") },
			"no person has to sign":   func(t testing.TB) { repo.Stage(t, "machines/n", nil) },
			"no delegated role takes": func(t testing.TB) { repo.Publish(t, "x", nil) },
		} {
			assert.Contains(t, failure(t, f), text)
		}
	})
}

// failure is how f fails its test.
func failure(t testing.TB, f func(testing.TB)) string {
	fake := &failing{TB: t}
	done := make(chan struct{})
	go func() { defer close(done); f(fake) }()
	<-done
	return fake.text
}

// failing is a test that is not the one that runs.
type failing struct {
	testing.TB
	text string
}

func (f *failing) Fatal(args ...any)                 { f.text = fmt.Sprint(args...); runtime.Goexit() }
func (f *failing) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }

// A repository of many artifacts, and one of the first generation.
func TestBegunWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		repo := rstuftest.New(t, rstuftest.WithFirstGeneration(), rstuftest.WithArtifacts(10_000))
		state := repo.State(t)
		assert.Len(t, state.Artifacts, 10_000)
		assert.Equal(t, string(rstuftest.ArtifactContent(9_999)), string(repo.Get(t, rstuftest.ArtifactPath(9_999))))
		root, err := metadata.Parse(repo.RootJSON)
		require.NoError(t, err)
		assert.Contains(t, string(root.Bytes()), `"name"`, "as key objects of that time have it")
		repo.RotateOnlineKey(t)
		repo.RotateRoot(t)
		assert.Len(t, repo.State(t).Artifacts, 10_000)
	})
}
