package service

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/durable"
	"example.org/rstuf/keys"
)

// A move that ends before or after any durable step, by a crash of the process or a
// loss of power, leaves one side that serves, and never two; but between the two
// last commits, where it is repeated. Repeated it ends, whether or not the source
// has gone on meanwhile. So it is into a new place, and back into an old one.
func TestCrashWhileMoving(t *testing.T) {
	t.Parallel()
	private := crashKeys(t, "alice", "bob", "online", "online2")
	draft, next := crashRoots(t, private)
	for _, back := range []bool{false, true} {
		neither := 0
		for n := 1; ; n++ {
			r := &crashRun{T: t, dir: t.TempDir(), signers: []keys.Signer{private[2], private[3]}, seen: map[string][]byte{}, contents: map[string]string{}, now: time.Now()}
			require.NoError(t, r.open(newCrasher(-1)))
			require.True(t, r.send("POST", "/bootstrap/", draft.Payload(), nil))
			require.True(t, r.send("POST", "/metadata/", rstuf.MetadataUpdate{Metadata: map[string]json.RawMessage{"root": next}}, nil))
			parked, effect := add(map[string]int{"parked": 1})
			parked.SkipPublish = true
			require.True(t, r.park(parked, effect))
			require.NoError(t, r.s.Close(t.Context()))
			other := t.TempDir()
			if back {
				_, err := r.move(other, newCrasher(-1))
				require.NoError(t, err)
				r.dir, other = other, r.dir
				r.goOn(1)
			}
			crash := newCrasher(n)
			r.crash = crash
			target, err := r.move(other, crash)
			if err == nil {
				assert.Greater(t, n, 20, "a move has more durable steps than that")
				assert.LessOrEqual(t, neither, 2)
				break
			}
			require.ErrorIs(t, err, errCrash)
			target.losePower(t)
			r.published()
			here, there := r.serves(r.dir), r.serves(other)
			require.False(t, here && there, "both serve, crash %s (%d)", crash.at, n)
			if !here && !there {
				neither++
			}
			if here && n%2 == 0 {
				r.goOn(2)
			}
			if !there {
				_, err = r.move(other, newCrasher(-1))
				require.NoError(t, err, "crash %s (%d)", crash.at, n)
			}
			require.False(t, r.serves(r.dir), "crash %s (%d)", crash.at, n)
			r.dir = other
			r.goOn(3)
			require.NoError(t, r.open(newCrasher(-1)))
			for _, id := range r.acked {
				assert.Equal(t, rstuf.TaskSuccess, r.state(id), "crash %s (%d)", crash.at, n)
			}
			require.NoError(t, r.s.Close(t.Context()))
		}
	}
}

// goOn has the service publish once.
func (r *crashRun) goOn(n int) {
	at := r.crash.at
	require.NoError(r, r.open(newCrasher(-1)), "crash %s (%d)", at, n)
	more, effect := add(map[string]int{"a": n})
	require.True(r, r.send("POST", "/artifacts/", more, effect))
	assert.Equal(r, r.want, r.lengths(r.published()), "crash %s (%d)", at, n)
	require.NoError(r, r.s.Close(r.Context()))
}

// serves tells whether a service that is opened on a folder has the repository.
func (r *crashRun) serves(dir string) bool {
	before := r.dir
	defer func() { r.dir = before }()
	r.dir = dir
	crash := r.crash
	defer func() { r.crash = crash }()
	err := r.open(newCrasher(-1))
	if errors.Is(err, ErrElsewhere) {
		return false
	}
	require.NoError(r, err, "crash %s", crash.at)
	has := r.s.current().bootstrapped()
	require.NoError(r, r.s.Close(r.Context()))
	return has
}

// move moves to another folder, and ends when the crasher says so.
func (r *crashRun) move(dir string, c *crasher) (target *lossy, err error) {
	r.now = r.now.Add(time.Minute)
	side := func(dir string) (Config, *lossy, *durable.Disk) {
		d := &durable.Disk{Unsafe: true, Step: c.step}
		folder, err := newFolder(filepath.Join(dir, "metadata"), d)
		require.NoError(r, err)
		storage := &lossy{Folder: folder, t: r.T, contents: r.contents}
		return Config{Dir: dir, Store: steppingStore(dir, d), Storage: storage, Now: func() time.Time { return r.now }}, storage, d
	}
	from, _, fromDisk := side(r.dir)
	to, target, toDisk := side(dir)
	_, err = move(r.Context(), from, to, "there", fromDisk, toDisk)
	return target, err
}

// accepting is a database that replicas accept into at the moment when it is marked
// as moved.
type accepting struct {
	Store
	id taskID
}

func (a *accepting) Commit(ctx context.Context, list []Change) error {
	if list[0].Key == keyMoved {
		list = append(changes{{tableQueue, a.id.key(), seal(newRecord(publishArtifacts, false))}}, list...)
	}
	return a.Store.Commit(ctx, list)
}

// probing is a storage that is asked whether it keeps two writers apart.
type probing struct {
	*Folder
	asked bool
}

func (p *probing) Probe(context.Context) error {
	p.asked = true
	return ErrUnconditional
}

// What is accepted at the last moment comes along. The target's storage is probed
// before anything is written there.
func TestMoveTakesAlongWhatComesLate(t *testing.T) {
	t.Parallel()
	private := crashKeys(t, "alice", "bob", "online", "online2")
	draft, _ := crashRoots(t, private)
	r := &crashRun{T: t, dir: t.TempDir(), signers: []keys.Signer{private[2]}, seen: map[string][]byte{}, contents: map[string]string{}, now: time.Now()}
	require.NoError(t, r.open(newCrasher(-1)))
	require.True(t, r.send("POST", "/bootstrap/", draft.Payload(), nil))
	late := r.s.queue.nextID()
	require.NoError(t, r.s.Close(t.Context()))

	disk := &durable.Disk{Unsafe: true}
	open := StoreFor(r.dir)
	if open == nil {
		open = func(context.Context) (Store, error) { return openDatabase(r.dir, disk) }
	}
	dir := t.TempDir()
	storage := &probing{}
	var err error
	storage.Folder, err = newFolder(filepath.Join(dir, "metadata"), disk)
	require.NoError(t, err)
	from := Config{Dir: r.dir, Store: func(ctx context.Context) (Store, error) {
		store, err := open(ctx)
		return &accepting{store, late}, err
	}}
	done, err := Move(t.Context(), from, Config{Dir: dir, Store: StoreFor(dir), Storage: storage}, "there")
	require.NoError(t, err)
	assert.Equal(t, 1, done.Waiting)
	assert.True(t, storage.asked)
	r.dir = dir
	require.NoError(t, r.open(newCrasher(-1)))
	require.Eventually(t, func() bool { return r.state(late.String()) == rstuf.TaskSuccess }, time.Minute, time.Millisecond)
	require.NoError(t, r.s.Close(t.Context()))
}
