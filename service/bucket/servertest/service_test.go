package servertest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/service"
	"example.org/rstuf/service/bucket"
)

const prefix = "tuf/"

// life is a service on a bucket, which may end and begin again.
type life struct {
	*testing.T
	store   *store
	dir     string
	online  keys.Signer
	payload *rstuf.BootstrapPayload
	service *service.Service
	// acked are the tasks of acknowledged requests, want what is published
	// once they are done.
	acked []string
	want  map[string]string
	// broken is closed when the network has failed; nil if it never will.
	broken chan struct{}
}

// repositoryKeys are the same in all tests, for speed.
var repositoryKeys = sync.OnceValue(func() []*keys.Private {
	var out []*keys.Private
	for _, name := range []string{"alice", "bob", "online"} {
		key, err := keys.Generate(keys.Ed25519, name)
		if err != nil {
			panic(err)
		}
		out = append(out, key)
	}
	return out
})

func newLife(t *testing.T) *life {
	private := repositoryKeys()
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: []keys.Public{private[0].Public(), private[1].Public()}, Threshold: 2, OnlineKey: private[2].Public(), HashBins: 2,
	})
	require.NoError(t, err)
	for _, key := range private[:2] {
		require.NoError(t, draft.Sign(t.Context(), key))
	}
	return &life{T: t, store: newStore(t), dir: t.TempDir(), online: private[2], payload: draft.Payload(), want: map[string]string{}}
}

func (l *life) open() (err error) {
	ctx, cancel := context.WithCancel(l.Context())
	defer cancel()
	broken := l.broken
	go func() { // who waits for a start on a broken network gives up
		select {
		case <-broken:
			cancel()
		case <-ctx.Done():
		}
	}()
	l.service, err = service.Open(ctx, service.Config{
		Dir: l.dir, OnlineKeys: []keys.Signer{l.online}, UnsafeNoSync: true,
		Storage: l.store.storage(bucket.Config{Prefix: prefix, Timeout: 5 * time.Second}),
	})
	return err
}

// kill ends the service without finishing anything.
func (l *life) kill() {
	ctx, cancel := context.WithCancel(l.Context())
	cancel()
	if err := l.service.Close(ctx); err != nil {
		require.ErrorIs(l, err, context.Canceled)
	}
}

func (l *life) call(method, path string, body any) *httptest.ResponseRecorder {
	raw, err := json.Marshal(body)
	require.NoError(l, err)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, strings.NewReader(string(raw)))
	r.Header.Set("Content-Type", "application/json")
	l.service.Handler().ServeHTTP(w, r)
	return w
}

// send sends a request and waits for the end of its task; false means that the
// network failed first.
func (l *life) send(path string, body any) bool {
	w := l.call(http.MethodPost, "/api/v1"+path, body)
	require.Equal(l, http.StatusAccepted, w.Code, w.Body.String())
	var accepted wire.Response[wire.Accepted]
	require.NoError(l, json.Unmarshal(w.Body.Bytes(), &accepted))
	l.acked = append(l.acked, accepted.Data.TaskID)
	return l.await(accepted.Data.TaskID)
}

func (l *life) await(id string) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(2 * time.Minute); ; {
		w := l.call(http.MethodGet, "/api/v1/task/?task_id="+id, nil)
		var task wire.Response[rstuf.Task]
		require.NoError(l, json.Unmarshal(w.Body.Bytes(), &task), w.Body.String())
		if task.Data.State.Terminal() {
			require.Equal(l, rstuf.TaskSuccess, task.Data.State, w.Body.String())
			return true
		}
		select {
		case <-tick.C:
		case <-l.broken:
			return false
		case <-end:
			require.Fail(l, "the task does not end", w.Body.String())
		}
	}
}

func (l *life) add(artifacts map[string]string) bool {
	var request rstuf.AddArtifacts
	for path, content := range artifacts {
		sum := sha256.Sum256([]byte(content))
		request.Artifacts = append(request.Artifacts, rstuf.Artifact{Path: path, Info: rstuf.ArtifactInfo{
			Length: int64(len(content)), Hashes: map[string]string{"sha256": hex.EncodeToString(sum[:])},
		}})
	}
	maps.Copy(l.want, artifacts)
	return l.send("/artifacts/", request)
}

func (l *life) remove(path string) bool {
	delete(l.want, path)
	return l.send("/artifacts/delete", rstuf.DeleteArtifacts{Artifacts: []string{path}})
}

// script is what a service does in its life, with a restart in the middle.
// It returns false as soon as the network has failed.
func (l *life) script() bool {
	if l.open() != nil || !l.send("/bootstrap/", l.payload) || !l.add(map[string]string{"a": "1", "b": "2", "c": "3"}) {
		return false
	}
	l.kill()
	l.service = nil
	return l.open() == nil && l.add(map[string]string{"b": "22", "d": "4"}) && l.remove("a") &&
		l.send("/metadata/online", rstuf.OnlineBump{Roles: []string{}})
}

// published verifies everything that the public sees, and returns the lengths
// of the artifacts; nil before the bootstrap is done.
func (l *life) published() map[string]int64 {
	read := func(name string) ([]byte, error) {
		response, body := l.store.get(prefix + name)
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %s: %w", name, response.Status, fs.ErrNotExist)
		}
		return body, nil
	}
	for _, first := range []string{"timestamp.json", "1.root.json"} {
		if _, err := read(first); err != nil {
			return nil // not bootstrapped, or in the middle of it
		}
	}
	repository, err := tuftest.ReadPublished(read, tuftest.Expected{Now: time.Now()})
	require.NoError(l, err)
	out := map[string]int64{}
	for path, form := range repository.Artifacts {
		var info rstuf.ArtifactInfo
		require.NoError(l, json.Unmarshal([]byte(form), &info))
		out[path] = info.Length
	}
	return out
}

func (l *life) wanted() map[string]int64 {
	out := map[string]int64{}
	for path, content := range l.want {
		out[path] = int64(len(content))
	}
	return out
}

// A service on a bucket publishes, ends, goes on, and a TUF client that knows
// the bucket's public address alone downloads and verifies artifacts.
func TestServiceOnBucket(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	require.True(t, l.script())
	require.NoError(t, l.service.Close(t.Context()))
	assert.Equal(t, l.wanted(), l.published())

	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, l.want[strings.TrimPrefix(r.URL.Path, "/")])
	}))
	defer files.Close()
	response, root := l.store.get(prefix + "1.root.json")
	assert.Equal(t, "public, max-age=31536000, immutable", response.Header.Get("Cache-Control"))
	assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
	response, _ = l.store.get(prefix + "timestamp.json")
	assert.Equal(t, "no-cache", response.Header.Get("Cache-Control"))
	assert.Equal(t, "application/json", response.Header.Get("Content-Type"))

	cfg, err := config.New(l.store.url(strings.TrimSuffix(prefix, "/")), root)
	require.NoError(t, err)
	cfg.LocalMetadataDir, cfg.LocalTargetsDir = t.TempDir(), t.TempDir()
	cfg.RemoteTargetsURL, cfg.PrefixTargetsWithHash = files.URL, false
	client, err := updater.New(cfg)
	require.NoError(t, err)
	require.NoError(t, client.Refresh())
	for path, content := range l.want {
		info, err := client.GetTargetInfo(path)
		require.NoError(t, err, path)
		file, _, err := client.DownloadTarget(info, filepath.Join(cfg.LocalTargetsDir, path), "")
		require.NoError(t, err, path)
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, content, string(data))
	}
	_, err = client.GetTargetInfo("a")
	assert.Error(t, err, "it was removed")
}
