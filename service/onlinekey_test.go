//go:build unix

package service_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// A payload says where the online key is: only schemes of the configuration
// are opened, so that no caller has devices opened, learns which files there
// are, or takes somebody else's key.
func TestOnlineKeySchemes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *service.Config) { c.OnlineKeys = nil })
	outside := filepath.Join(t.TempDir(), "online")
	require.NoError(t, f.online.Save(outside, keys.SaveOptions{Plain: true}))
	with := func(uri string) func(*ceremony.Policy) {
		return func(p *ceremony.Policy) { p.OnlineKey = f.online.Public().WithOnlineURI(uri) }
	}
	reasons := map[string]bool{}
	for _, uri := range []string{"file2:/dev/ptmx", "file2:" + outside, "file2:/does/not/exist"} {
		task := f.end(f.post("/bootstrap/", f.draft(with(uri)).Payload()))
		assert.Equal(t, rstuf.TaskErrored, task.State)
		assert.Contains(t, task.Reason(), "--key-scheme file2")
		reasons[task.Reason()[len(task.Reason())-20:]] = true
	}
	assert.Len(t, reasons, 1, "whether the file exists makes no difference")

	f.cfg.Keys.Schemes = []string{"fn", "file2"}
	f.restart()
	f.bootstrap(with("file2:" + outside))

	require.NoError(t, f.svc.Close(context.Background()))
	allowed := f.cfg
	f.cfg.Keys.Schemes = nil
	_, err := service.Open(t.Context(), f.cfg)
	assert.ErrorContains(t, err, "--key-scheme file2")
	f.cfg.OnlineKeys = []keys.Signer{f.online}
	f.start()
	require.NoError(t, f.svc.Close(context.Background()))
	f.cfg = allowed
	f.start()
}

// What is no regular file is not opened as a key, and holds up nothing.
func TestOnlineKeyIsNoRegularFile(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *service.Config) { c.OnlineKeys = nil })
	dir := filepath.Join(f.cfg.Dir, "keys")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "folder"), 0o700))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	for _, name := range []string{"pipe", "folder"} {
		task := f.end(f.post("/bootstrap/", f.draft(func(p *ceremony.Policy) {
			p.OnlineKey = f.online.Public().WithOnlineURI("fn:" + name)
		}).Payload()))
		assert.Equal(t, rstuf.TaskErrored, task.State, name)
		assert.Contains(t, task.Reason(), "no regular file", name)
	}
}

// hangingSigner never comes back once it is told so, whatever its context says.
type hangingSigner struct {
	*keys.Private
	hang, entered chan struct{}
}

func (h *hangingSigner) Sign(ctx context.Context, message []byte) ([]byte, error) {
	select {
	case <-h.hang:
		close(h.entered)
		select {}
	default:
		return h.Private.Sign(ctx, message)
	}
}

// Close ends when its context does, also while a signer hangs.
func TestCloseWithASignerThatHangs(t *testing.T) {
	t.Parallel()
	key := tuftest.Key(t, "online")
	signer := &hangingSigner{key, make(chan struct{}), make(chan struct{})}
	f := newFixture(t, func(c *service.Config) { c.OnlineKeys = []keys.Signer{signer} })
	f.online = key
	f.bootstrap()
	close(signer.hang)
	f.post("/artifacts/", adding("a"))
	<-signer.entered
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	begun := time.Now()
	assert.ErrorIs(t, f.svc.Close(ctx), context.DeadlineExceeded)
	assert.Less(t, time.Since(begun), time.Minute)
	f.svc, _ = service.Open(t.Context(), service.Config{Dir: t.TempDir()}) // for the fixture to close
}

// lyingSigner signs something else.
type lyingSigner struct{ *keys.Private }

func (l lyingSigner) Sign(ctx context.Context, message []byte) ([]byte, error) {
	return l.Private.Sign(ctx, append([]byte("not "), message...))
}

// What a signer of somebody else's making returns is verified before it is
// published.
func TestSignerThatLies(t *testing.T) {
	t.Parallel()
	key := tuftest.Key(t, "online")
	f := newFixture(t, func(c *service.Config) { c.OnlineKeys = []keys.Signer{lyingSigner{key}} })
	f.online = key
	f.post("/bootstrap/", f.draft().Payload())
	require.Eventually(t, func() bool { return f.svc.Status().Paused != nil }, time.Minute, time.Millisecond)
	assert.ErrorIs(t, f.svc.Status().Paused, keys.ErrBadSignature)
	_, err := os.Stat(filepath.Join(f.cfg.Dir, "metadata", "timestamp.json"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Error(t, f.svc.Close(ctx))
	f.svc, err = service.Open(t.Context(), service.Config{Dir: t.TempDir()}) // for the fixture to close
	require.NoError(t, err)
}
