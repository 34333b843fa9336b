package service_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/sharedtest"
	"example.org/rstuf/service"
)

// What makes a repository for replicas, or mends theirs, refuses a storage that they
// would refuse, before it writes anything; that of one service it takes.
func TestWhatIsForReplicasWantsAStorage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.close()
	storages := func(path string) map[string]service.Storage {
		folder := must(service.NewFolder(path))
		return map[string]service.Storage{
			"ignores conditions": &unconditional{Folder: folder, times: 99},
			"can't be asked":     struct{ service.Storage }{folder},
			"none":               nil,
		}
	}
	for name := range storages(t.TempDir()) {
		for what, do := range map[string]func(service.Config) error{
			"move": func(cfg service.Config) error {
				_, err := service.Move(t.Context(), f.cfg, cfg, "there")
				return err
			},
			"adopt": func(cfg service.Config) error {
				o, _, _ := oldRoles(t)
				cfg.OnlineKeys, cfg.Now = o.config().OnlineKeys, o.config().Now
				_, err := service.Adopt(t.Context(), cfg, o.source)
				return err
			},
		} {
			t.Run(what+" "+name, func(t *testing.T) {
				cfg := service.Config{Dir: t.TempDir(), Replicas: &sharedtest.Shared{}}
				files := filepath.Join(cfg.Dir, "metadata")
				cfg.Storage = storages(files)[name]
				require.ErrorIs(t, do(cfg), service.ErrUnconditional)
				assert.Empty(t, contents(t, files))
				cfg.Storage = must(service.NewFolder(files))
				replica, err := service.OpenReplica(t.Context(), cfg)
				require.NoError(t, err, "the database is empty still")
				require.NoError(t, replica.Close(t.Context()))
			})
		}
	}
	alone := service.Config{Dir: t.TempDir(), Store: (&sharedtest.Shared{}).Open}
	alone.Storage = storages(filepath.Join(alone.Dir, "metadata"))["ignores conditions"]
	_, err := service.Move(t.Context(), f.cfg, alone, "there")
	require.NoError(t, err)
}

// So it is where the files stay where they are, and for a repair.
func TestRepairForReplicasWantsAStorage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.cfg.Storage = must(service.NewFolder(f.metadataFile("")))
	f.restart()
	f.bootstrap()
	f.close()
	cfg := f.cfg
	cfg.Dir, cfg.Store, cfg.Replicas = t.TempDir(), nil, &sharedtest.Shared{}
	ignoring := &unconditional{Folder: must(service.NewFolder(f.metadataFile(""))), times: 99}
	from := f.cfg
	from.Storage, cfg.Storage = ignoring, ignoring
	_, err := service.Move(t.Context(), from, cfg, "there")
	require.ErrorIs(t, err, service.ErrUnconditional)
	from.Storage, cfg.Storage = f.cfg.Storage, f.cfg.Storage
	_, err = service.Move(t.Context(), from, cfg, "there")
	require.NoError(t, err)

	name := f.metadataFile("timestamp.json")
	require.NoError(t, writeFile(name, []byte("{")))
	cfg.Storage = ignoring
	_, err = service.Repair(t.Context(), cfg, false)
	require.ErrorIs(t, err, service.ErrUnconditional)
	assert.Equal(t, "{", f.folder()["timestamp.json"])
	cfg.Storage = f.cfg.Storage
	done, err := service.Repair(t.Context(), cfg, false)
	require.NoError(t, err)
	assert.Equal(t, []string{"timestamp.json"}, done.Written)
}
