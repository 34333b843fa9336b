package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// awayStore is a database that is away, for what is asked of it.
type awayStore struct {
	service.Store
	reads, commits atomic.Bool
}

var errDriver = errors.New("failed to connect to host=db.example.com user=rstuf")

func (a *awayStore) Get(ctx context.Context, table service.Table, keys []string, f func(string, []byte) error) error {
	if a.reads.Load() {
		return errDriver
	}
	return a.Store.Get(ctx, table, keys, f)
}

func (a *awayStore) Commit(ctx context.Context, list []service.Change) error {
	if a.commits.Load() {
		return errDriver
	}
	return a.Store.Commit(ctx, list)
}

// awayFiles are files whose server is away.
type awayFiles struct {
	*service.Folder
	away atomic.Bool
}

func (a *awayFiles) err(name string) error {
	if !a.away.Load() {
		return nil
	}
	return fmt.Errorf("bucket files: %s: %w", name, &url.Error{Op: "Put", URL: "https://store.example.com", Err: &net.DNSError{Err: "no such host", Name: "store.example.com"}})
}

func (a *awayFiles) Create(ctx context.Context, name string, data []byte) error {
	if err := a.err(name); err != nil {
		return err
	}
	return a.Folder.Create(ctx, name, data)
}

func (a *awayFiles) Read(ctx context.Context, name string) ([]byte, error) {
	if err := a.err(name); err != nil {
		return nil, err
	}
	return a.Folder.Read(ctx, name)
}

func (a *awayFiles) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	if err := a.err(name); err != nil {
		return nil, err
	}
	return a.Folder.Open(ctx, name)
}

// What drivers and clients of servers say names hosts and users: the log has it, and
// neither clients, nor /readyz, nor a check, nor who is told what happens.
func TestErrorsOfServersAreForTheLog(t *testing.T) {
	t.Parallel()
	store, files, log := &awayStore{}, &awayFiles{Folder: must(service.NewFolder(t.TempDir()))}, &lines{}
	details := make(chan string, 100)
	f := newFixture(t, func(c *service.Config) {
		open, dir := c.Store, c.Dir
		c.Store = func(ctx context.Context) (inner service.Store, err error) {
			if open != nil {
				inner, err = open(ctx)
			} else {
				inner, err = service.OpenDatabase(dir)
			}
			store.Store = inner
			return store, err
		}
		c.Storage, c.Logger, c.Tokens = files, slog.New(slog.NewTextHandler(log, nil)), nil
		c.Events = func(e event.Event) {
			if e.Kind == event.PublishingPaused {
				details <- e.Text
			}
		}
	})
	f.bootstrap()
	f.close()
	f.cfg.Tokens, f.cfg.PublishEvery = []service.Token{newToken(t, "admin", adminSecret)}, 300*time.Millisecond
	f.start()
	ask := func(method, path, body string) (int, string) {
		code, text := authorized(f, method, path, "Bearer "+adminSecret, body)
		assert.NotContains(t, text, "example.com")
		return code, text
	}
	const artifact = `{"artifacts":[{"path":"a","info":{"length":1,"hashes":{"sha256":"abababababababababababababababababababababababababababababababab"}}}]}`

	store.reads.Store(true)
	code, text := ask("GET", "/api/v1/task/?task_id=00000000000000000000000000000001", "")
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.Contains(t, text, "the database is away, or takes nothing, at the moment: try again later")
	store.reads.Store(false)
	store.commits.Store(true)
	code, text = ask("POST", "/api/v1/artifacts/", artifact)
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.Contains(t, text, "the request was not accepted: the database is away")
	assert.Contains(t, log.String(), "host=db.example.com")
	store.commits.Store(false)

	paused := func(away *atomic.Bool, says string) {
		code, text := ask("POST", "/api/v1/artifacts/", artifact)
		require.Equal(t, http.StatusAccepted, code, text)
		away.Store(true)
		require.Eventually(t, func() bool { return f.svc.Status().Paused != nil }, time.Minute, time.Millisecond)
		_, text = ask("GET", "/readyz", "")
		assert.Equal(t, "publishing is paused: "+says+": the log says why\n", text)
		assert.Equal(t, "publishing is paused: "+says+": the log says why", <-details)
		if away == &files.away {
			_, text = ask("GET", "/fsck?complete", "")
			assert.Contains(t, text, "it can't be read: "+says)
			// Which a proxy asks another replica for.
			assert.Equal(t, http.StatusServiceUnavailable, call(f.svc.MetadataHandler(), "GET", "/1.root.json", nil).Code)
		}
		away.Store(false)
		require.Eventually(t, func() bool { return f.svc.Status().Paused == nil }, time.Minute, time.Millisecond)
	}
	paused(&store.commits, "the database is away, or takes nothing, at the moment")
	paused(&files.away, "a server that it needs, that of the metadata files or of the online key, is away, or refuses, at the moment")
	assert.Contains(t, log.String(), "store.example.com")
}

// refusingKey is a key in a service that refuses to sign while it is told to.
type refusingKey struct {
	keys.Signer
	now atomic.Bool
}

func (r *refusingKey) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if r.now.Load() {
		return nil, errors.New("AccessDeniedException: User: arn:aws:iam::111122223333:user/rstuf may not kms:Sign")
	}
	return r.Signer.Sign(ctx, message)
}

// storeAnswer is what a client of a bucket's server gives.
type storeAnswer struct{}

func (storeAnswer) Error() string     { return "the store answers 403: " + storeAnswer{}.ErrorMessage() }
func (storeAnswer) ErrorCode() string { return "AccessDenied" }
func (storeAnswer) ErrorMessage() string {
	return "arn:aws:iam::111122223333:user/rstuf may not s3:PutObject"
}

// What a key service, a program that signs, or a store answers names accounts, and is for
// the log too: for tasks as for the rest.
func TestAnswersOfServersAreForTheLog(t *testing.T) {
	t.Parallel()
	log, key, files := &lines{}, &refusingKey{}, &gate{Folder: must(service.NewFolder(t.TempDir()))}
	details := make(chan string, 100)
	f := newFixture(t, func(c *service.Config) {
		key.Signer = c.OnlineKeys[0]
		c.OnlineKeys, c.Storage, c.Logger = []keys.Signer{key}, files, slog.New(slog.NewTextHandler(log, nil))
		c.Keys = keys.URIConfig{Openers: map[string]keys.URIOpener{"awskms": func(context.Context, string, keys.URIConfig) (keys.Signer, error) {
			return nil, errors.New("arn:aws:iam::111122223333:user/rstuf may not kms:GetPublicKey")
		}}}
		c.Events = func(e event.Event) {
			if e.Kind == event.PublishingPaused {
				details <- e.Text
			}
		}
	})
	f.bootstrap()
	key.now.Store(true)
	id := f.post("/artifacts/", adding("a"))
	assert.Equal(t, "publishing is paused: the online key can't be opened, or does not sign, at the moment: the log says why", <-details)
	assert.Contains(t, log.String(), "may not kms:Sign")
	key.now.Store(false)
	f.ok(id)

	files.fail(fmt.Errorf("bucket files: %w", storeAnswer{}))
	id = f.post("/artifacts/", adding("b"))
	assert.Equal(t, "publishing is paused: a server that it needs, that of the metadata files or of the online key, is away, or refuses, at the moment: the log says why", <-details)
	assert.Contains(t, log.String(), "may not s3:PutObject")
	files.fail(nil)
	f.ok(id)

	next := tuftest.Key(t, "online2").Public()
	task := f.end(f.update(f.nextRoot(func(r *metadata.Root) {
		setOnline(r, next)
		r.Keys[next.ID()] = next.WithOnlineURI("awskms:alias/next").Key()
	}, f.alice, f.bob)))
	assert.Equal(t, rstuf.TaskErrored, task.State)
	assert.Contains(t, task.Reason(), "the online key can't be opened, or does not sign, at the moment: the log says why")
	assert.NotContains(t, task.Reason(), "arn:")
	assert.Contains(t, log.String(), "may not kms:GetPublicKey")
}
