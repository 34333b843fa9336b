package service_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/service"
)

// RSTUF's worker takes removed roles out of the snapshot. A client that had seen
// such a role refuses every later snapshot, until an adopted repository lists it
// again.
func TestAdoptHeals(t *testing.T) {
	t.Parallel()
	o := recordedFiles(t, scenarioOf(t, "custom-delegations"))
	clients := o.followers()
	newest := o.before["timestamp.json"]
	o.name(7)
	for _, client := range clients {
		require.NoError(t, client.follow(o.now), client.name)
	}
	o.before["timestamp.json"] = newest
	require.NoError(t, writeFile(filepath.Join(o.folder, "timestamp.json"), []byte(newest)))
	require.ErrorIs(t, clients[0].follow(o.now), repository.ErrRoleRemoved)
	require.Error(t, clients[1].follow(o.now))

	f, done := o.adopt()
	assert.Equal(t, []string{"extra"}, done.Relisted)
	o.serve(f.svc.MetadataHandler())
	for _, client := range clients {
		assert.NoError(t, client.follow(f.clock()), client.name)
	}
	// Its name is used up, in upper case too, and it stays listed, also in a
	// snapshot that is made from nothing but the database.
	key, name := o.keys["da3524e96f1bc8fdc879e78d2efa49ff69d5522424ab2e8e4b88ef79bab79ed4"], "Extra"
	again := rstuf.DelegatedRole{Name: name, KeyIDs: []string{key.Public().ID()}, Threshold: 1, Paths: []string{"x/*"}, Terminating: true, ExpirePolicy: 1}
	details := f.ok(f.post("/delegations/", rstuf.DelegationsUpdate{Delegations: rstuf.Delegations{
		Keys: map[string]rstuf.Key{key.Public().ID(): key.Public().Key()}, Roles: []rstuf.DelegatedRole{again}}}))
	assert.Len(t, details.FailedRoles, 1)
	require.NoError(t, f.svc.Close(t.Context()))
	snapshot := f.version("snapshot")
	require.NoError(t, os.Remove(f.metadataFile(metadata.Filename("snapshot", snapshot))))
	repaired, err := service.Repair(t.Context(), f.cfg, false)
	require.NoError(t, err)
	assert.Empty(t, repaired.Left)
	f.start()
	assert.Equal(t, int64(1), f.audit().Roles["extra"])
}

// oldRoles is a service with a role of people, which waits for signatures of an
// artifact, and one of the online key.
func oldRoles(t *testing.T) (*oldRepository, *fixture, *keys.Private) {
	f := newFixture(t)
	dev := tuftest.Key(t, "dev")
	f.bootstrap(func(p *ceremony.Policy) {
		p.HashBins, p.Delegations = 0, []ceremony.Role{
			{Name: "dev", Paths: []string{"dev/*"}, Days: 7, Keys: []keys.Public{dev.Public()}, Threshold: 1},
			{Name: "pub", Paths: []string{"pub/*"}, Days: 9},
		}
	})
	people := map[string]*keys.Private{}
	for _, key := range []*keys.Private{f.alice, f.bob, f.online, dev} {
		people[key.Public().ID()] = key
	}
	f.ok(f.sign("dev", dev))
	f.ok(f.accepted("PUT", "/config/", []byte(`{"settings":{"expiration":{"pub":11,"snapshot":3}}}`)))
	f.ok(f.post("/artifacts/", adding("dev/a", "pub/b")))
	f.ok(f.update(f.nextRoot(func(r *metadata.Root) { r.Expires = r.Expires.AddDate(0, 0, 1) }, f.alice)))
	return newOldRepository(t, filepath.Join(f.cfg.Dir, "metadata"), people), f, dev
}

// What the old service tells is taken over: lives, names once used, documents
// that wait for signatures with the signatures that they have.
func TestAdoptWhatFilesDoNotTell(t *testing.T) {
	t.Parallel()
	o, old, dev := oldRoles(t)
	o.source.Settings = old.settings()
	o.source.Settings.Expiration["Gone"] = 5
	pending := old.pending()
	o.source.Pending = &pending
	pending.Roles["pub"], pending.Roles["none"] = pending.Roles["dev"], json.RawMessage(`{}`)
	o.source.Expiration = map[string]int{"timestamp": 2}
	f, done := o.adopt()
	assert.Equal(t, map[string]int{"root": 365, "targets": 365, "snapshot": 3, "timestamp": 2, "dev": 7, "pub": 11}, done.Expiration)
	assert.Equal(t, done.Expiration, f.settings().Expiration)
	assert.Equal(t, old.settings().Bootstrap, f.settings().Bootstrap)
	assert.ElementsMatch(t, []string{"root", "dev"}, done.Signing)
	require.Len(t, done.Notes, 2, "%s", done.Notes)
	assert.Contains(t, strings.Join(done.Notes, "\n"), "what waits for signatures of pub is left out")

	assert.Equal(t, "Role dev signing complete", f.ok(f.sign("dev", dev)).Update)
	assert.Contains(t, f.audit().Artifacts, "dev/a")
	f.alice, f.bob = old.alice, old.bob
	assert.Equal(t, "Metadata update finished", f.ok(f.sign("root", f.bob)).Update)
	assert.Equal(t, int64(2), f.audit().Root.Version())
	role := rstuf.DelegatedRole{Name: "gone", Threshold: 1, Paths: []string{"x/*"}, Terminating: true, ExpirePolicy: 1, KeyIDs: []string{}}
	request := rstuf.DelegationsUpdate{Delegations: rstuf.Delegations{Keys: map[string]rstuf.Key{}, Roles: []rstuf.DelegatedRole{role}}}
	assert.Len(t, f.ok(f.post("/delegations/", request)).FailedRoles, 1)
}

// Where nobody tells, the defaults are taken and said, and a role that has no
// signed version gets a document to sign.
func TestAdoptWhatNobodyTells(t *testing.T) {
	t.Parallel()
	o, _, _ := oldRoles(t)
	f, done := o.adopt()
	assert.Equal(t, map[string]int{"root": 365, "targets": 365, "snapshot": 1, "timestamp": 1, "dev": 7, "pub": 9}, done.Expiration)
	assert.Contains(t, strings.Join(done.Notes, "\n"), "so these days are taken: root 365, targets 365, snapshot 1, timestamp 1")
	assert.Empty(t, done.Signing)
	assert.Contains(t, f.audit().Artifacts, "pub/b")

	o = recordedFiles(t, scenarioOf(t, "custom-delegations"))
	f, done = o.adopt()
	assert.Equal(t, []string{"rel"}, done.Signing)
	assert.Equal(t, "Role rel signing complete", f.ok(f.sign("rel", o.keys["da3524e96f1bc8fdc879e78d2efa49ff69d5522424ab2e8e4b88ef79bab79ed4"])).Update)
	assert.Positive(t, f.audit().Roles["rel"])
}

// The roots before the trusted one are taken over where they lead to it.
func TestAdoptFromALaterRoot(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first func(*oldRepository)
		want  int64
	}{
		"they lead to it": {func(*oldRepository) {}, 1},
		"they are gone":   {func(o *oldRepository) { o.remove("1.root.json") }, 3},
		"another's": {func(o *oldRepository) {
			other, _ := oldBins(o.T)
			o.put("1.root.json", other.document("1.root.json"))
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := recordedFiles(t, scenarioOf(t, "hash-bins"))
			o.source.Root = []byte(o.before["3.root.json"])
			test.first(o)
			f, done := o.adopt()
			assert.Equal(t, int64(4), done.Root)
			for version := int64(1); version <= 4; version++ {
				_, err := f.file(metadata.Filename("root", version))
				assert.Equal(t, version >= test.want, err == nil, "root %d", version)
			}
		})
	}
}
