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
	"slices"
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
	childJoins  = flag.Bool("replica", false, "whether it is a replica")
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
	var svc interface {
		Handler() http.Handler
		Close(context.Context) error
	}
	if *childJoins {
		cfg.Store = nil
		svc, err = service.OpenReplica(ctx, cfg)
	} else {
		cfg.Replicas = nil
		svc, err = service.Open(ctx, cfg)
	}
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
	return service.Config{Dir: dir, Store: db.Open, Replicas: db, Storage: files, OnlineKeys: []keys.Signer{key}, Logger: slog.New(slog.DiscardHandler)}, nil
}

// lives are those of services in processes of their own, one after the other, on one
// repository.
type lives struct {
	*testing.T
	dir, schema string
	acked       map[string]string // task id: path of the artifact
	last        string            // task id
	made        int
}

func newLives(t *testing.T, pool *pgxpool.Pool) *lives {
	l := &lives{T: t, dir: t.TempDir(), schema: newSchema(), acked: map[string]string{}}
	repo, err := rstuftest.Start(t.Context(), t.TempDir(), rstuftest.WithConfig(func(c *service.Config) {
		require.NoError(t, c.OnlineKeys[0].(*keys.Private).Save(filepath.Join(l.dir, "online"), keys.SaveOptions{Plain: true}))
		mine, err := configOf(pool, l.dir, l.schema)
		require.NoError(t, err)
		c.Store, c.Storage = mine.Store, mine.Storage // of one that makes the repository
	}))
	require.NoError(t, err)
	require.NoError(t, repo.Close())
	return l
}

// start starts a service, as soon as it is let in.
func (l *lives) start(flags ...string) (p *child.Process) {
	began := time.Now()
	for {
		p, err := child.Start(append(flags, "-child", l.dir, "-schema", l.schema, "-postgres", *address)...)
		if err == nil {
			l.Cleanup(func() { _ = p.Kill(); _ = p.Wait() })
			return p
		}
		require.Less(l, time.Since(began), time.Minute, "%v", err)
	}
}

// The clients of one that may be held, and of one that answers.
var impatient, patient = &http.Client{Timeout: 300 * time.Millisecond}, &http.Client{Timeout: 10 * time.Second}

// post sends an artifact; code is 0 if no answer came.
func (l *lives) post(url string) (code int, text string) { return l.postBy(impatient, url) }

func (l *lives) postBy(client *http.Client, url string) (code int, text string) {
	l.made++
	path := fmt.Sprintf("pkg/%d", l.made)
	body := fmt.Sprintf(`{"artifacts":[{"path":%q,"info":{"length":1,"hashes":{"sha256":"%064x"}}}]}`, path, l.made)
	resp, err := client.Post(url+"/api/v1/artifacts/", "application/json", bytes.NewReader([]byte(body)))
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
		l.acked[answer.Data.ID], l.last = path, answer.Data.ID
	}
	return resp.StatusCode, string(data)
}

// busy sends artifacts for a time.
func (l *lives) busy(url string, d time.Duration) {
	for began := time.Now(); time.Since(began) < d; {
		code, text := l.postBy(patient, url)
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
		release := letGo(before)
		p = l.start()
		release()
		assert.Less(t, time.Since(began), 30*time.Second)
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
	l.audit(pool)
}

// letGo has a process that is held run for a moment every two seconds, until the function
// that it returns is called: held while it replaces timestamp.json it has the folder's lock.
// If it renews its lease in that moment, that ends before the next one.
func letGo(p *child.Process) func() {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-time.After(2 * time.Second):
			case <-stop:
				return
			}
			_ = p.Signal(syscall.SIGCONT)
			time.Sleep(50 * time.Millisecond)
			_ = p.Signal(syscall.SIGSTOP)
		}
	}()
	return func() { close(stop); <-done }
}

// audit looks that all is published that was acknowledged, in a repository that is whole.
func (l *lives) audit(pool *pgxpool.Pool) {
	t := l.T
	cfg, err := configOf(pool, l.dir, l.schema)
	require.NoError(t, err)
	cfg.Replicas = nil
	var svc *service.Service
	require.Eventually(t, func() bool { // at once: the last one was stopped in order, if the machine let it
		svc, err = service.Open(t.Context(), cfg)
		return !errors.Is(err, service.ErrLocked)
	}, 30*time.Second, 10*time.Millisecond)
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

// ends waits until a task has ended well, as a replica says.
func (l *lives) ends(url, id string) {
	require.Eventually(l, func() bool {
		resp, err := impatient.Get(url + "/api/v1/task/?task_id=" + id)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		return err == nil && bytes.Contains(data, []byte(`"SUCCESS"`))
	}, 30*time.Second, time.Millisecond)
}

// leads tells whether a replica says that it publishes.
func leads(p *child.Process) bool {
	resp, err := impatient.Get(p.URL + "/metrics")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return err == nil && bytes.Contains(data, []byte("\nrstuf_leading 1\n"))
}

// Of three replicas the one that publishes is killed, or held for longer than its lease
// and continued, and then one that only accepts. The others accept without a pause, and
// publish what was accepted by all of them; what wakes late changes nothing and goes on.
func TestReplicasKilledAndHeld(t *testing.T) {
	t.Parallel()
	pool := connect(t, *address)
	l := newLives(t, pool)
	stop := make(chan struct{})
	done := l.watch(stop)
	replicas := make([]*child.Process, 3)
	for i := range replicas {
		replicas[i] = l.start("-replica")
	}
	for round := range 8 {
		for _, p := range replicas {
			l.busy(p.URL, 30*time.Millisecond)
		}
		i := -1
		require.Eventually(t, func() bool {
			i = slices.IndexFunc(replicas, leads)
			return i >= 0
		}, 30*time.Second, time.Millisecond)
		if round%4 > 1 {
			i = (i + 1) % 3
		}
		hit, held := replicas[i], round%2 == 1
		began := time.Now()
		if held {
			require.NoError(t, hit.Signal(syscall.SIGSTOP))
			l.post(hit.URL) // it waits in the socket until the process wakes
		} else {
			require.NoError(t, hit.Kill())
			_ = hit.Wait()
		}
		release := letGo(hit)
		for j, p := range replicas {
			if j != i {
				l.busy(p.URL, 50*time.Millisecond)
				l.ends(p.URL, l.last)
			}
		}
		assert.Less(t, time.Since(began), 30*time.Second)
		release()
		if held {
			require.NoError(t, hit.Signal(syscall.SIGCONT))
		} else {
			replicas[i] = l.start("-replica")
		}
	}
	for _, p := range replicas {
		for id := range l.acked {
			l.ends(p.URL, id)
		}
	}
	for _, p := range replicas {
		require.NoError(t, p.Stop())
	}
	close(stop)
	<-done
	l.audit(pool)
}
