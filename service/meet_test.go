package service

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
)

// met is what replicas have joined, as a test has it: before each answer is given
// something may happen that the answer does not have.
type met struct {
	tables   map[Table]map[string][]byte
	asked    int
	meantime func() error
	silent   int // how many answers do not come before who asks gives up
}

func (e *met) put(table Table, key string, value []byte) {
	if e.tables == nil {
		e.tables = map[Table]map[string][]byte{}
	}
	if e.tables[table] == nil {
		e.tables[table] = map[string][]byte{}
	}
	e.tables[table][key] = value
}

func (e *met) answer(ctx context.Context) error {
	e.asked++
	if e.silent > 0 {
		e.silent--
		<-ctx.Done()
		return ctx.Err()
	}
	return e.happens()
}

func (e *met) happens() error {
	if f := e.meantime; f != nil {
		e.meantime = nil
		return f()
	}
	return nil
}

func (e *met) Keys(ctx context.Context, table Table) ([]string, error) {
	keys := slices.Sorted(maps.Keys(e.tables[table]))
	return keys, e.answer(ctx)
}

func (e *met) Get(ctx context.Context, table Table, keys []string, f func(string, []byte) error) error {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = bytes.Clone(e.tables[table][key])
	}
	if err := e.answer(ctx); err != nil {
		return err
	}
	for i, key := range keys {
		if err := f(key, values[i]); err != nil {
			return err
		}
		clear(values[i]) // it was f's during the call alone
	}
	return nil
}

func (e *met) View(ctx context.Context, tables []Table, f func(Table, string, []byte) error) (string, error) {
	if err := e.answer(ctx); err != nil {
		return "", err
	}
	for _, table := range tables {
		for _, key := range slices.Sorted(maps.Keys(e.tables[table])) {
			value := bytes.Clone(e.tables[table][key])
			if err := f(table, key, value); err != nil {
				return "", err
			}
			clear(value)
		}
	}
	return "1", nil
}

func (e *met) Number(ctx context.Context) (uint64, error)  { return 1, e.answer(ctx) }
func (e *met) Version(ctx context.Context) (string, error) { return "1", e.answer(ctx) }
func (e *met) Accept(_ context.Context, list []Change) error {
	for _, c := range list {
		e.put(c.Table, c.Key, c.Value)
	}
	return e.happens()
}
func (e *met) Wait(ctx context.Context) error { return e.answer(ctx) }
func (e *met) Close() error                   { return nil }
func (e *met) wait(n uint64, kind kind) (id taskID) {
	id = newTaskID(n)
	e.put(tableQueue, id.key(), seal(newRecord(kind, false)))
	return id
}

// newFront is the front of a replica that has not begun to run.
func newFront(t *testing.T, e *met) *Replica {
	cfg, err := Config{Dir: t.TempDir()}.withDefaults()
	require.NoError(t, err)
	r := &Replica{front: newService(cfg, nil), joined: e, view: view{loading: make(chan struct{}, 1)}}
	r.front.replica = r
	r.front.queue.joined = e
	r.front.setStore(joinedStore{e})
	r.front.replace(&repository{roles: newRoleTable(nil)})
	return r
}

// What others have accepted is learned once, and again as often as there may be more: also
// of what comes, or fails, while it is read.
func TestLearn(t *testing.T) {
	t.Parallel()
	e := &met{}
	q := newFront(t, e).front.queue
	knows := func(n int) {
		t.Helper()
		count, _ := q.size()
		assert.Equal(t, n, count)
	}
	e.wait(1, addArtifacts)
	require.NoError(t, q.learn(t.Context()))
	knows(0)
	q.hint()
	e.meantime = func() error { return errors.New("away") }
	require.Error(t, q.learn(t.Context()))
	require.NoError(t, q.learn(t.Context()))
	knows(1)
	asked := e.asked
	require.NoError(t, q.learn(t.Context()))
	assert.Equal(t, asked, e.asked, "nothing has come")
	q.hint()
	e.meantime = func() error { e.wait(2, addArtifacts); q.hint(); return nil }
	require.NoError(t, q.learn(t.Context()))
	knows(1)
	require.NoError(t, q.learn(t.Context()))
	knows(2)
}

// What is accepted here while the queue is read is no request that has gone; one that goes
// is counted once, and one that goes while it is read is not known.
func TestFollow(t *testing.T) {
	t.Parallel()
	e := &met{}
	q := newFront(t, e).front.queue
	first := e.wait(1, addArtifacts)
	require.NoError(t, q.follow(t.Context()))
	e.meantime = func() error {
		id := e.wait(2, addArtifacts)
		return q.keep(id.key(), e.tables[tableQueue][id.key()])
	}
	require.NoError(t, q.follow(t.Context()))
	count, size := q.size()
	assert.Equal(t, 2, count)
	delete(e.tables[tableQueue], first.key())
	require.NoError(t, q.follow(t.Context()))
	count, left := q.size()
	assert.Equal(t, 1, count)
	assert.Equal(t, size/2, left)
	third := e.wait(3, addArtifacts)
	e.meantime = func() error { delete(e.tables[tableQueue], third.key()); return nil }
	require.NoError(t, q.follow(t.Context()))
	assert.Nil(t, q.find(third))
}

// So it is counted once if several look at once.
func TestFollowAtOnce(t *testing.T) {
	t.Parallel()
	e := &met{}
	q := newFront(t, e).front.queue
	first := e.wait(1, addArtifacts)
	require.NoError(t, q.follow(t.Context()))
	delete(e.tables[tableQueue], first.key())
	done := make(chan error, 1)
	e.meantime = func() error {
		go func() { done <- q.follow(t.Context()) }()
		select { // if it waits for its turn, there is nothing to see of that
		case err := <-done:
			done <- err
		case <-time.After(20 * time.Millisecond):
		}
		return nil
	}
	require.NoError(t, q.follow(t.Context()))
	require.NoError(t, <-done)
	count, size := q.size()
	assert.Zero(t, count)
	assert.Zero(t, size)
}

// What is accepted here counts once, also if it is met before its answer comes.
func TestMeetWhatIsAcceptedHere(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{false, true} {
		e := &met{}
		q := newFront(t, e).front.queue
		r := newRecord(addArtifacts, false)
		a := &acceptance{newTaskID(1), r, r.cost(), seal(r), make(chan error, 1)}
		require.True(t, q.reserve(a.cost))
		if first {
			e.meantime = func() error { return q.follow(t.Context()) }
		}
		q.write([]*acceptance{a})
		require.NoError(t, <-a.done)
		require.NoError(t, q.fetch(t.Context(), []string{a.id.key()})) // as one that has looked before
		count, size := q.size()
		assert.Equal(t, 1, count)
		assert.Equal(t, a.cost, size)
	}
}

// A task has a state at each moment: also while it goes from the queue to the results, and
// if this replica does not know yet that it has.
func TestFindTaskWhileItEnds(t *testing.T) {
	t.Parallel()
	e := &met{}
	r := newFront(t, e)
	result := append(make([]byte, taskHeader), `{"state":"SUCCESS"}`...)
	id := e.wait(1, addArtifacts)
	ends := func() error {
		delete(e.tables[tableQueue], id.key())
		e.put(tableTasks, id.key(), result)
		return nil
	}
	e.meantime = ends // after the results were looked at, before the queue is
	w, raw, err := r.findTask(t.Context(), id)
	require.NoError(t, err)
	assert.Nil(t, w)
	assert.JSONEq(t, `{"state":"SUCCESS"}`, string(raw))

	id = e.wait(2, addArtifacts)
	w, _, err = r.findTask(t.Context(), id)
	require.NoError(t, err)
	assert.NotNil(t, w)
	require.NoError(t, ends())
	w, raw, err = r.findTask(t.Context(), id)
	require.NoError(t, err)
	assert.Nil(t, w, "it is in memory still")
	assert.NotNil(t, raw)

	w, raw, err = r.findTask(t.Context(), newTaskID(3))
	require.NoError(t, err)
	assert.True(t, w == nil && raw == nil, "nobody knows it")
}

// What the front knows of the repository is what is stored, each time anew.
func TestLoadFront(t *testing.T) {
	t.Parallel()
	e := &met{}
	r := newFront(t, e)
	id := newTaskID(1)
	e.put(tableSuspects, id.key(), []byte{maxDeaths})
	e.put(tablePassed, "3.snapshot.json", []byte{})
	e.put(tableRoles, rstuf.RoleSnapshot, roleInfo{version: 5}.encode())
	require.NoError(t, r.load(t.Context()))
	assert.True(t, r.front.suspects.aside(id))
	assert.True(t, r.front.files.has("3.snapshot.json"))
	assert.EqualValues(t, 5, r.front.current().roles.get(rstuf.RoleSnapshot).version)
	e.tables = nil
	require.NoError(t, r.load(t.Context()))
	assert.False(t, r.front.suspects.aside(id))
	assert.False(t, r.front.files.has("3.snapshot.json"))
}

// Nobody waits for ever for a database that gives no answer.
func TestSilentDatabase(t *testing.T) {
	for name, ask := range map[string]func(ctx context.Context, r *Replica) error{
		"a request": func(ctx context.Context, r *Replica) error { return r.front.catchUp(ctx, "/config/") },
		"a task":    func(ctx context.Context, r *Replica) error { _, _, err := r.findTask(ctx, newTaskID(1)); return err },
		"tasks":     func(ctx context.Context, r *Replica) error { _, err := r.newestEnded(ctx, 1); return err },
		"a number":  func(ctx context.Context, r *Replica) error { _, err := r.front.queue.newID(ctx); return err },
		"a new view": func(ctx context.Context, r *Replica) error {
			r.front.latest(ctx, "timestamp.json")
			return context.DeadlineExceeded
		},
		"somebody else has a new view": func(ctx context.Context, r *Replica) error {
			r.joined.(*met).silent = 0
			r.view.loading <- struct{}{}
			return r.front.catchUp(ctx, "/artifacts/")
		},
		"whether it is here still": func(ctx context.Context, r *Replica) error {
			r.joined.(*met).silent = 1
			if err := r.front.store.Commit(ctx, nil); err != nil {
				return err
			}
			return context.DeadlineExceeded
		},
		"what others do": func(ctx context.Context, r *Replica) error {
			ctx, cancel := context.WithTimeout(ctx, 2*(keepUpEvery+askTime)-time.Millisecond)
			defer cancel()
			r.keepUp(ctx)
			assert.Greater(t, r.joined.(*met).asked, 2, "it asks again")
			return ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				require.ErrorIs(t, ask(t.Context(), newFront(t, &met{silent: 99})), context.DeadlineExceeded)
				assert.LessOrEqual(t, time.Since(begun), 2*(keepUpEvery+askTime))
			})
		})
	}
}
