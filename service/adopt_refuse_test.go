package service_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/service"
)

// oldBins is a repository of hash bins with some artifacts.
func oldBins(t *testing.T) (*oldRepository, *fixture) {
	f := newFixture(t)
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("a", "b", "c")))
	people := map[string]*keys.Private{}
	for _, key := range []*keys.Private{f.alice, f.bob, f.online} {
		people[key.Public().ID()] = key
	}
	return newOldRepository(t, filepath.Join(f.cfg.Dir, "metadata"), people), f
}

// What can't be adopted is an error that says why; nothing is made, and the
// source stays as it was.
func TestAdoptRefuses(t *testing.T) {
	t.Parallel()
	stranger := tuftest.Key(t, "stranger")
	for name, test := range map[string]struct {
		change func(*oldRepository, *service.Config)
		is     error
		says   string
	}{
		"half of it": {
			func(o *oldRepository, _ *service.Config) { o.remove("2." + o.someBin()) },
			repository.ErrUnpublished, "the source is not whole",
		},
		"no timestamp": {
			func(o *oldRepository, _ *service.Config) { o.remove("timestamp.json") },
			repository.ErrUnpublished, "the source is not whole",
		},
		"another root": {
			func(o *oldRepository, _ *service.Config) {
				other, _ := oldBins(o.T)
				o.source.Root = []byte(other.before["1.root.json"])
			},
			repository.ErrThreshold, "the trusted root is not this repository's",
		},
		"a file of another repository": {
			func(o *oldRepository, _ *service.Config) {
				other, _ := oldBins(o.T)
				o.put("1.targets.json", other.document("1.targets.json"))
			},
			repository.ErrThreshold, "files of another one are among its own",
		},
		"expired": {
			func(o *oldRepository, cfg *service.Config) {
				cfg.Now = func() time.Time { return o.now.AddDate(0, 1, 0) }
			},
			repository.ErrExpired, "--adopt-expired-unsafe",
		},
		"the wrong online key": {
			func(_ *oldRepository, cfg *service.Config) { cfg.OnlineKeys = []keys.Signer{stranger} },
			nil, "cannot be opened",
		},
		"no online key": {
			func(_ *oldRepository, cfg *service.Config) { cfg.OnlineKeys = nil },
			nil, "start the service with --online-key",
		},
		"a service that still publishes": {
			func(o *oldRepository, _ *service.Config) {
				o.source.URL = o.url
				next, err := metadata.NewTimestamp(o.document("timestamp.json").Version()+1, o.now.AddDate(0, 0, 1), 2)
				require.NoError(o, err)
				require.NoError(o, next.Sign(o.Context(), o.online()))
				var looks atomic.Int32
				files := *o.files.Load()
				o.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/timestamp.json" && looks.Add(1) > 1 {
						_, _ = w.Write(next.Bytes())
						return
					}
					files.ServeHTTP(w, r)
				}))
			},
			nil, "stop the service that publishes there",
		},
		"a life of no role": {
			func(o *oldRepository, _ *service.Config) { o.source.Expiration = map[string]int{"binz": 2} },
			nil, "no such role",
		},
		"a life of no days": {
			func(o *oldRepository, _ *service.Config) { o.source.Expiration = map[string]int{"bins": 0} },
			nil, "the life of bins is 0 days",
		},
		"settings of another repository": {
			func(o *oldRepository, _ *service.Config) {
				other, _ := oldBins(o.T)
				o.source.Settings = &rstuf.RepositorySettings{TrustedRoot: json.RawMessage(other.before["1.root.json"])}
			},
			nil, "it is another repository's",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, _ := oldBins(t)
			cfg := o.config()
			test.change(o, &cfg)
			_, err := service.Adopt(t.Context(), cfg, o.source)
			require.ErrorContains(t, err, test.says)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
			assert.NotContains(t, err.Error(), "\n")
			assert.NoDirExists(t, cfg.Dir)
			assert.Equal(t, o.before, contents(t, o.folder))
		})
	}
}

// someBin is the file of a bin that has artifacts, without its version.
func (o *oldRepository) someBin() string {
	for name := range o.before {
		if rest, ok := strings.CutPrefix(name, "2.bins"); ok {
			return "bins" + rest
		}
	}
	return ""
}

func (o *oldRepository) remove(name string) {
	delete(o.before, name)
	require.NoError(o, os.Remove(filepath.Join(o.folder, name)))
}

// A repository whose time is over is signed anew where that is asked for.
func TestAdoptExpired(t *testing.T) {
	t.Parallel()
	o, _ := oldBins(t)
	o.now = o.now.AddDate(0, 1, 0)
	o.source.AllowExpiredUnsafe = true
	f, _ := o.adopt()
	assert.Len(t, f.audit().Artifacts, 3, "and nothing of it has expired")
}

// A folder that holds something is not written over.
func TestAdoptIntoAFolderInUse(t *testing.T) {
	t.Parallel()
	o, running := oldBins(t)
	other, _ := oldBins(t)

	cfg := running.cfg
	_, err := service.Adopt(t.Context(), cfg, other.source)
	require.ErrorIs(t, err, service.ErrLocked)
	require.NoError(t, running.svc.Close(t.Context()))
	before := running.folder()
	_, err = service.Adopt(t.Context(), cfg, o.source)
	require.ErrorIs(t, err, service.ErrNotLost)
	assert.ErrorContains(t, err, "start without --adopt")
	assert.Equal(t, before, running.folder())
	running.start()

	cfg = o.config()
	require.NoError(t, os.CopyFS(filepath.Join(cfg.Dir, "metadata"), os.DirFS(other.folder)))
	_, err = service.Adopt(t.Context(), cfg, o.source)
	require.ErrorContains(t, err, "not the source's")
	assert.Equal(t, other.before, contents(t, filepath.Join(cfg.Dir, "metadata")))
}

// A full disk in the middle adopts nothing; the service does not start on half
// a repository; with room again adopting it again does it all.
func TestAdoptOnAFullDisk(t *testing.T) {
	t.Parallel()
	o, _ := oldBins(t)
	cfg := o.config()
	folder, err := service.NewFolder(filepath.Join(cfg.Dir, "metadata"))
	require.NoError(t, err)
	disk := &fullDisk{Folder: folder}
	disk.full.Store(true)
	cfg.Storage = disk
	_, err = service.Adopt(t.Context(), cfg, o.source)
	require.ErrorIs(t, err, syscall.ENOSPC)
	assert.Equal(t, o.before, contents(t, o.folder))
	_, err = service.Open(t.Context(), cfg)
	require.ErrorContains(t, err, "adopt it again")
	disk.full.Store(false)
	_, err = service.Adopt(t.Context(), cfg, o.source)
	require.NoError(t, err)
	svc, err := service.Open(t.Context(), cfg)
	require.NoError(t, err)
	assert.NoError(t, svc.Close(t.Context()))
}
