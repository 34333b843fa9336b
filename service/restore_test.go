package service_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// Repair writes what the database has, makes a snapshot anew, and restores a
// role from its newest good version where that is asked for; clients see
// nothing go back.
func TestRepair(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	role := f.ok(f.post("/artifacts/", adding("a"))).ArtifactRoles[0]
	lost := adding("a")
	lost.Artifacts[0].Info.Length = 99
	f.ok(f.post("/artifacts/", lost))
	f.close()
	break1 := func(name string) { require.NoError(t, writeFile(f.metadataFile(name), []byte("{"))) }
	repair := func(restore bool) *service.Repaired {
		done, err := service.Repair(t.Context(), f.cfg, restore)
		require.NoError(t, err)
		return done
	}
	well := func() {
		t.Helper()
		report, err := service.Check(t.Context(), f.cfg, true)
		require.NoError(t, err)
		require.Empty(t, report.Problems)
	}

	break1("timestamp.json")
	require.NoError(t, os.Remove(f.metadataFile("1.root.json")))
	assert.Equal(t, []string{"timestamp.json", "1.root.json"}, sorted(repair(false).Written, "timestamp.json"))
	well()

	snapshot := f.version("snapshot")
	break1(metadata.Filename("snapshot", snapshot))
	assert.Empty(t, repair(false).Left)
	well()
	assert.Greater(t, f.version("snapshot"), snapshot)

	version := f.version(role)
	break1(metadata.Filename(role, version))
	left := repair(false).Left
	require.Len(t, left, 1)
	assert.Contains(t, left[0].String(), "--restore")
	assert.Equal(t, []service.Restored{{Role: role, From: version - 1, Lost: version}}, repair(true).Restored)
	well()
	assert.Greater(t, f.version(role), version)

	target := f.version("targets")
	break1(metadata.Filename("targets", target))
	left = repair(true).Left
	assert.Len(t, left, 1, "there is no earlier version")

	f.svc, _ = service.Open(t.Context(), service.Config{Dir: t.TempDir()}) // for the fixture to close
}

func sorted(list []string, first string) []string {
	if len(list) == 2 && list[0] != first {
		list[0], list[1] = list[1], list[0]
	}
	return list
}

// A role of people is not restored: they sign it.
func TestRepairLeavesRolesOfPeople(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	dev := tuftest.Key(t, "dev")
	f.bootstrap(func(p *ceremony.Policy) {
		p.HashBins, p.Delegations = 0, []ceremony.Role{{Name: "dev", Paths: []string{"*"}, Days: 7, Keys: []keys.Public{dev.Public()}, Threshold: 1}}
	})
	f.ok(f.sign("dev", dev))
	f.close()
	name := metadata.Filename("dev", f.version("dev"))
	require.NoError(t, os.Remove(f.metadataFile(name)))
	done, err := service.Repair(t.Context(), f.cfg, true)
	require.NoError(t, err)
	assert.Empty(t, done.Restored)
	require.Len(t, done.Left, 1)
	assert.Equal(t, name, done.Left[0].File)
	f.svc, _ = service.Open(t.Context(), service.Config{Dir: t.TempDir()}) // for the fixture to close
}

// Nothing is repaired over files that are newer than the database.
func TestRepairLeavesAnOldDatabase(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.close()
	old, err := os.ReadFile(f.cfg.Dir + "/state.db")
	require.NoError(t, err)
	f.start()
	f.ok(f.post("/artifacts/", adding("a")))
	require.NoError(t, f.svc.Close(context.Background()))
	require.NoError(t, writeFile(f.cfg.Dir+"/state.db", old))
	before := f.folder()
	done, err := service.Repair(t.Context(), f.cfg, true)
	require.NoError(t, err)
	assert.NotEmpty(t, done.Left)
	assert.Empty(t, done.Written)
	assert.Equal(t, before, f.folder())
	f.svc, _ = service.Open(t.Context(), service.Config{Dir: t.TempDir()}) // for the fixture to close
}
