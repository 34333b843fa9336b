package service

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// queue holds the requests that were accepted and have not ended: in the
// database, where each is before it is acknowledged, and in memory in the order
// of arrival.
type queue struct {
	store    Store
	now      func() time.Time
	suspects *suspects
	most     int64  // what may wait, by record.cost
	joined   Joined // of a replica; nil for a service that is alone

	number    atomic.Uint64 // of the last request
	receiving *atomic.Int64 // large artifact requests that are on their way in
	incoming  chan *acceptance
	wake      chan struct{} // holds one when there may be something to publish
	draining  chan struct{} // closed when nothing new is to be accepted
	accepted  chan struct{} // closed when all that was accepted is queued
	leaving   chan struct{} // closed by leave
	left      sync.Once
	stale     atomic.Bool // set when replicas may have accepted something

	following     sync.Mutex   // held by the one that makes it what waits now
	mu            sync.RWMutex // guards what follows
	list          []*waiting
	live          map[taskID]*waiting
	bytes         int64
	bootstrapping bool // a bootstrap request waits or runs
}

func newQueue(cfg Config) *queue {
	return &queue{
		now: cfg.Now, most: cfg.MaxWaiting, live: map[taskID]*waiting{}, receiving: &atomic.Int64{},
		incoming: make(chan *acceptance), wake: make(chan struct{}, 1),
		draining: make(chan struct{}), accepted: make(chan struct{}), leaving: make(chan struct{}),
	}
}

// waiting is an accepted request that has not ended.
type waiting struct {
	id       taskID
	kind     kind
	skip     bool
	size     int64
	accepted time.Time
	// running is set while a publication works on it; shown is then the task
	// with the roles to publish, of which there may be many, for all who ask.
	running atomic.Bool
	shown   atomic.Pointer[json.RawMessage]
}

// parked tells whether a request waits for somebody else to publish.
func (w *waiting) parked() bool { return w.skip && w.kind != publishArtifacts }

// add adds a request to the queue in memory; the caller holds mu.
func (q *queue) add(w *waiting) {
	q.list = append(q.list, w)
	q.live[w.id] = w
}

// load reads what waited when the service ended.
func (q *queue) load(ctx context.Context) error {
	return q.store.Read(ctx, tableQueue, q.keep)
}

// keep adds a request as it is stored.
func (q *queue) keep(key string, value []byte) error {
	r, err := openRecord(value)
	if err != nil || len(key) != len(taskID{}) {
		return cmp.Or(err, errRecord)
	}
	w := &waiting{id: taskID([]byte(key)), kind: r.kind(), skip: r.skip(), size: r.cost(), accepted: q.now()}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.live[w.id] != nil {
		return nil
	}
	q.add(w)
	q.bytes += w.size
	q.bootstrapping = q.bootstrapping || w.kind == bootstrapRepository
	q.past(w.id)
	return nil
}

// bodies returns the bodies of requests.
func (q *queue) bodies(ctx context.Context, batch []*waiting) ([]string, error) {
	keys := make([]string, len(batch))
	for i, w := range batch {
		keys[i] = w.id.key()
	}
	bodies := make([]string, 0, len(batch))
	return bodies, q.store.Get(ctx, tableQueue, keys, func(_ string, value []byte) error {
		w := batch[len(bodies)]
		if value == nil {
			return fmt.Errorf("request %s is missing in the queue", w.id)
		}
		r, err := openRecord(value)
		if err != nil {
			return fmt.Errorf("request %s: %w", w.id, err)
		}
		bodies = append(bodies, string(r.body()))
		return nil
	})
}

// take takes requests that have ended out of the database.
func (q *queue) take(c *changes, list []ended) {
	for _, e := range list {
		c.delete(tableQueue, e.w.id.key())
	}
}

// remove takes them out of memory, once that has succeeded.
func (q *queue) remove(list []ended) {
	q.mu.Lock()
	defer q.mu.Unlock()
	bootstrap := false
	for _, e := range list {
		q.bytes -= e.w.size
		delete(q.live, e.w.id)
		bootstrap = bootstrap || e.w.kind == bootstrapRepository
	}
	q.list = slices.DeleteFunc(q.list, func(w *waiting) bool { return q.live[w.id] == nil })
	if bootstrap { // replicas may have accepted another one
		q.bootstrapping = slices.ContainsFunc(q.list, func(w *waiting) bool { return w.kind == bootstrapRepository })
	}
}

// find is a request that has not ended, or nil.
func (q *queue) find(id taskID) *waiting {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.live[id]
}

// waitingOf are the requests of a batch that have not ended, for an attempt may
// have brought some to their end.
func (q *queue) waitingOf(batch []*waiting) []*waiting {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return slices.DeleteFunc(slices.Clone(batch), func(w *waiting) bool { return q.live[w.id] == nil })
}

// size is how many requests wait, and their bytes.
func (q *queue) size() (count int, bytes int64) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return len(q.list), q.bytes
}

// bootstrap tells whether a bootstrap request waits or runs, and its task's id
// once it is queued.
func (q *queue) bootstrap() (id string, yes bool) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	for _, w := range q.list {
		if w.kind == bootstrapRepository {
			id = w.id.String()
			break
		}
	}
	return id, q.bootstrapping
}

// beginBootstrap notes that a bootstrap request is about to be accepted; it
// returns false if there is one.
func (q *queue) beginBootstrap() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	begun := q.bootstrapping
	q.bootstrapping = true
	return !begun
}

// endBootstrap notes that the bootstrap request was not accepted.
func (q *queue) endBootstrap() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bootstrapping = false
}

// past makes the ids of later tasks come after this one.
func (q *queue) past(id taskID) { q.number.Store(max(q.number.Load(), id.number())) }

// drain makes the queue accept nothing more; it returns false if it does so
// already.
func (q *queue) drain() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing() {
		return false
	}
	close(q.draining)
	return true
}

func (q *queue) closing() bool { return isClosed(q.draining) }

// leave has nothing more be published here, once what is under way has ended.
func (q *queue) leave() { q.left.Do(func() { close(q.leaving) }) }

// leaves tells whether nothing more is to be published here.
func (q *queue) leaves() bool { return isClosed(q.leaving) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// kick wakes the publisher.
func (q *queue) kick() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
