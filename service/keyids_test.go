package service_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// TestKeysWithOtherIDs: the next root names keys by other ids. One signature by
// alice counts for both roots, and the online key, which is open under its old
// id, signs under the new one.
func TestKeysWithOtherIDs(t *testing.T) {
	t.Parallel()
	otherwise := func(key keys.Public) keys.Public {
		object := key.Key()
		object.Value["public"] = strings.ToUpper(object.Value["public"])
		other, err := keys.FromKey(object)
		require.NoError(t, err)
		require.NotEqual(t, key.ID(), other.ID())
		return other
	}
	f := newFixture(t)
	f.bootstrap()
	f.ok(f.update(f.nextRoot(func(r *metadata.Root) {
		assert.NoError(t, r.RemoveKey(f.alice.Public().ID()))
		assert.NoError(t, r.AddKey(otherwise(f.alice.Public())))
		assert.NoError(t, r.SetOnlineKey(otherwise(f.online.Public())))
	}, f.bob)))
	require.True(t, f.waits("root"))
	f.ok(f.sign("root", f.alice))
	assert.False(t, f.waits("root"))
	assert.Equal(t, otherwise(f.online.Public()).ID(), f.settings().OnlineKeyID)

	f.ok(f.post("/artifacts/", adding("a/b")))
	assert.Contains(t, f.audit().Artifacts, "a/b")
	f.restart()
	f.ok(f.post("/artifacts/", adding("a/c")))
	assert.Contains(t, f.audit().Artifacts, "a/c")
	assert.NoError(t, tufClient(t, f.svc.MetadataHandler(), f.clock()).Refresh())
}

// TestOnlineKeyOfARole: a root cannot make a role's own key the online key,
// which would sign for the role's people from then on.
func TestOnlineKeyOfARole(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	dev := tuftest.Key(t, "dev")
	f.cfg.OnlineKeys = append(f.cfg.OnlineKeys, dev)
	f.bootstrap(func(p *ceremony.Policy) {
		p.HashBins = 0
		p.Delegations = []ceremony.Role{{Name: "dev", Keys: []keys.Public{dev.Public()}, Threshold: 1, Paths: []string{"dev/*"}, Days: 10}}
	})
	f.restart()
	before := f.settings().TrustedTargets
	task := f.end(f.update(f.nextRoot(func(r *metadata.Root) {
		assert.NoError(t, r.SetOnlineKey(dev.Public()))
	}, f.alice, f.bob)))
	assert.Equal(t, "ERRORED", string(task.State))
	assert.Contains(t, task.Reason(), "is a key of the role dev")
	assert.Equal(t, string(before), string(f.settings().TrustedTargets))
	assert.Equal(t, f.online.Public().ID(), f.settings().OnlineKeyID)
}
