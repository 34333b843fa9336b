//go:build unix

package postgres_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/child"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuftest"
	"example.org/rstuf/service"
	"example.org/rstuf/service/postgres"
)

// What the test program is told when it runs itself again, as a service.
var (
	childDir    = flag.String("child", "", "folder of a service to run, for the tests themselves")
	childSchema = flag.String("schema", "", "its schema")
)

const childLease = 500 * time.Millisecond

func TestMain(m *testing.M) {
	flag.Parse()
	if *childDir == "" {
		os.Exit(m.Run())
	}
	if err := serveChild(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveChild runs a service until it is told to end.
func serveChild() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	pool, err := pgxpool.New(ctx, *address)
	if err != nil {
		return err
	}
	defer pool.Close()
	cfg, err := configOf(pool, *childDir, *childSchema)
	if err != nil {
		return err
	}
	svc, err := service.Open(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(child.Serve(ctx, svc.Handler()), svc.Close(context.Background()))
}

// configOf is the configuration of a service on a folder and a schema.
func configOf(pool *pgxpool.Pool, dir, schema string) (cfg service.Config, err error) {
	db, err := postgres.New(pool, postgres.Config{Schema: schema, Lease: childLease})
	if err != nil {
		return cfg, err
	}
	files, err := service.NewFolder(filepath.Join(dir, "metadata"))
	if err != nil {
		return cfg, err
	}
	key, err := keys.Load(filepath.Join(dir, "online"), nil)
	if err != nil {
		return cfg, err
	}
	return service.Config{Dir: dir, Store: db.Open, Storage: files, OnlineKeys: []keys.Signer{key}, Logger: slog.New(slog.DiscardHandler)}, nil
}

// lives are those of services in processes of their own, one after the other, on one
// repository.
type lives struct {
	*testing.T
	dir, schema string
	acked       map[string]string // task id: path of the artifact
	made        int
}

func newLives(t *testing.T, pool *pgxpool.Pool) *lives {
	l := &lives{T: t, dir: t.TempDir(), schema: newSchema(), acked: map[string]string{}}
	repo, err := rstuftest.Start(t.Context(), t.TempDir(), rstuftest.WithConfig(func(c *service.Config) {
		require.NoError(t, c.OnlineKeys[0].(*keys.Private).Save(filepath.Join(l.dir, "online"), keys.SaveOptions{Plain: true}))
		mine, err := configOf(pool, l.dir, l.schema)
		require.NoError(t, err)
		c.Store, c.Storage = mine.Store, mine.Storage
	}))
	require.NoError(t, err)
	require.NoError(t, repo.Close())
	return l
}

// start starts a service, as soon as it is let in.
func (l *lives) start() (p *child.Process) {
	began := time.Now()
	for {
		p, err := child.Start("-child", l.dir, "-schema", l.schema, "-postgres", *address)
		if err == nil {
			l.Cleanup(func() { _ = p.Kill(); _ = p.Wait() })
			return p
		}
		require.Less(l, time.Since(began), time.Minute, "%v", err)
	}
}

var impatient = &http.Client{Timeout: 300 * time.Millisecond}

// post sends an artifact; code is 0 if no answer came.
func (l *lives) post(url string) (code int, text string) {
	l.made++
	path := fmt.Sprintf("pkg/%d", l.made)
	body := fmt.Sprintf(`{"artifacts":[{"path":%q,"info":{"length":1,"hashes":{"sha256":"%064x"}}}]}`, path, l.made)
	resp, err := impatient.Post(url+"/api/v1/artifacts/", "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	var answer struct {
		Data struct {
			ID string `json:"task_id"`
		}
	}
	if resp.StatusCode == http.StatusAccepted {
		require.NoError(l, json.Unmarshal(data, &answer))
		l.acked[answer.Data.ID] = path
	}
	return resp.StatusCode, string(data)
}

// busy sends artifacts for a time.
func (l *lives) busy(url string, d time.Duration) {
	for began := time.Now(); time.Since(began) < d; {
		code, text := l.post(url)
		require.Equal(l, http.StatusAccepted, code, text)
	}
}

func (l *lives) timestamp() int64 {
	data, err := os.ReadFile(filepath.Join(l.dir, "metadata", "timestamp.json"))
	require.NoError(l, err)
	doc, err := metadata.Parse(data)
	require.NoError(l, err)
	return doc.Version()
}

// watch looks at timestamp.json until stop is closed: its version never falls.
func (l *lives) watch(stop chan struct{}) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		for last := int64(0); ; {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			data, err := os.ReadFile(filepath.Join(l.dir, "metadata", "timestamp.json"))
			if err != nil {
				continue
			}
			doc, err := metadata.Parse(data)
			if !assert.NoError(l, err) || !assert.GreaterOrEqual(l, doc.Version(), last) {
				return
			}
			last = doc.Version()
		}
	}()
	return done
}

// Services that are killed, or held for longer than their lease and continued, are
// replaced by the next one. Nothing that was acknowledged is lost, clients see no
// step back, and whoever wakes late changes nothing and says why.
func TestKilledAndHeld(t *testing.T) {
	t.Parallel()
	pool := connect(t, *address)
	l := newLives(t, pool)
	stop := make(chan struct{})
	done := l.watch(stop)
	p := l.start()
	for round := range 6 {
		l.busy(p.URL, time.Duration(20+30*round)*time.Millisecond)
		before := p
		if round%2 == 0 {
			require.NoError(t, before.Kill())
		} else {
			require.NoError(t, before.Signal(syscall.SIGSTOP))
			l.post(before.URL) // it waits in the socket until the process wakes
		}
		began := time.Now()
		// One that is held while it replaces timestamp.json has the folder's lock.
		wake := time.AfterFunc(2*time.Second, func() { _ = before.Signal(syscall.SIGCONT) })
		p = l.start()
		wake.Stop()
		assert.Less(t, time.Since(began), 5*time.Second)
		l.busy(p.URL, 50*time.Millisecond)
		if round%2 == 0 {
			_ = before.Wait()
			continue
		}
		require.NoError(t, before.Signal(syscall.SIGCONT))
		require.Eventually(t, func() bool { // what it had accepted just before it was held may be on its way
			code, _ := l.post(before.URL)
			return code == http.StatusServiceUnavailable
		}, 10*time.Second, 10*time.Millisecond)
		resp, err := impatient.Get(before.URL + "/readyz")
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "%s", text)
		was := l.timestamp()
		require.NoError(t, before.Stop())
		assert.GreaterOrEqual(t, l.timestamp(), was)
	}
	require.NoError(t, p.Stop())
	close(stop)
	<-done
	cfg, err := configOf(pool, l.dir, l.schema)
	require.NoError(t, err)
	svc, err := service.Open(t.Context(), cfg) // at once: the last one was stopped in order
	require.NoError(t, err)
	defer func() { assert.NoError(t, svc.Close(context.Background())) }()
	require.Eventually(t, func() bool { return svc.Status().Waiting == 0 }, time.Minute, time.Millisecond)
	published, err := tuftest.ReadPublished(func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join(l.dir, "metadata", name))
	}, tuftest.Expected{Now: time.Now()})
	require.NoError(t, err)
	require.Greater(t, len(l.acked), 20)
	for id, path := range l.acked {
		assert.Contains(t, published.Artifacts, path, "task %s", id)
	}
	report, err := svc.Check(t.Context(), true)
	require.NoError(t, err)
	assert.Empty(t, report.Problems)
}
