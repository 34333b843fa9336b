//go:build unix

package repository_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// These name what another process, this test binary, is to read.
const (
	otherURL   = "RSTUF_TEST_URL"
	otherRoot  = "RSTUF_TEST_ROOT"
	otherCache = "RSTUF_TEST_CACHE"
	otherDisk  = "RSTUF_TEST_DISK" // no file gets larger than so many bytes
)

// TestOtherProcess is the other process.
func TestOtherProcess(t *testing.T) {
	if os.Getenv(otherURL) == "" {
		t.Skip("for another process")
	}
	root, err := os.ReadFile(os.Getenv(otherRoot))
	require.NoError(t, err)
	refresh := func() error {
		r, err := repository.New(repository.Config{MetadataURL: os.Getenv(otherURL), Cache: os.Getenv(otherCache)}, repository.TrustRoot(root))
		require.NoError(t, err)
		_, err = r.Info(t.Context(), "top")
		return err
	}
	if os.Getenv(otherDisk) != "" {
		signal.Ignore(syscall.SIGXFSZ)
		require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1000, Max: unix.RLIM_INFINITY}))
		err := refresh()
		require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}))
		require.ErrorContains(t, err, "cache folder: ")
		require.ErrorIs(t, err, syscall.EFBIG)
		return
	}
	for {
		require.NoError(t, refresh())
	}
}

// other is a process that reads the repository with a cache.
func (m *made) other(cache string, env ...string) *exec.Cmd {
	root := filepath.Join(m.t.TempDir(), "root.json")
	require.NoError(m.t, os.WriteFile(root, m.files["1.root.json"], 0o600))
	cmd := exec.CommandContext(m.t.Context(), os.Args[0], "-test.run=^TestOtherProcess$")
	cmd.Env = append(os.Environ(), append(env, otherURL+"="+m.url, otherRoot+"="+root, otherCache+"="+cache)...)
	return cmd
}

// TestCacheOfAKilledProcess: what it leaves serves the next one, which never
// sees less than was seen.
func TestCacheOfAKilledProcess(t *testing.T) {
	m := makeRepository(t)
	cache := t.TempDir()
	kills, known := 0, int64(0)
	for range 12 {
		cmd := m.other(cache)
		require.NoError(t, cmd.Start())
		for until := time.Now().Add(time.Duration(30+rand.IntN(50)) * time.Millisecond); time.Now().Before(until); {
			if rand.IntN(4) == 0 {
				m.nextRoot(func(r *metadata.Root) { r.Expires = r.Expires.AddDate(0, 0, 1) })
			}
			m.publish()
			time.Sleep(time.Millisecond)
		}
		require.NoError(t, cmd.Process.Kill())
		if err := cmd.Wait(); assert.ErrorContains(t, err, "killed") {
			kills++
		}
		newest := m.timestamp.Version
		if known > 0 {
			m.timestamp.Version = known - 1
			m.putTimestamp()
			require.ErrorIs(t, m.reader(withCache(cache)).Refresh(t.Context()), repository.ErrRollback)
		}
		m.timestamp.Version, known = newest, newest
		m.putTimestamp()
		require.NoError(t, m.reader(withCache(cache)).Refresh(t.Context()))
	}
	assert.Equal(t, 12, kills)
}

// TestCacheOnAFullDisk: an error that names the folder, and what was there is
// not lost.
func TestCacheOnAFullDisk(t *testing.T) {
	m := makeRepository(t)
	m.publish()
	m.publish()
	cache := t.TempDir()
	require.NoError(t, m.reader(withCache(cache)).Refresh(t.Context()))
	m.nextRoot(func(r *metadata.Root) { r.Expires = r.Expires.AddDate(0, 0, 1) })
	m.publish()
	out, err := m.other(cache, otherDisk+"=1").CombinedOutput()
	require.NoError(t, err, string(out))
	m.timestamp.Version -= 2
	m.putTimestamp()
	require.ErrorIs(t, m.reader(withCache(cache)).Refresh(t.Context()), repository.ErrRollback, "the older one is still known")
	m.timestamp.Version += 2
	m.putTimestamp()
	require.NoError(t, m.reader(withCache(cache)).Refresh(t.Context()))
}
