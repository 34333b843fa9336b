package service

import (
	"context"
	"slices"
)

// What other replicas have accepted, which the queue in memory is made to know.

// hint tells that other replicas may have accepted something.
func (q *queue) hint() {
	q.stale.Store(true)
	q.kick()
}

// learn adds what other replicas have accepted, if they may have.
func (q *queue) learn(ctx context.Context) error {
	if !q.stale.Swap(false) {
		return nil
	}
	_, err := q.meet(ctx)
	if err != nil {
		q.stale.Store(true)
	}
	return err
}

// follow makes the queue in memory what waits now, whoever has accepted or published.
func (q *queue) follow(ctx context.Context) error {
	q.following.Lock()
	defer q.following.Unlock()
	q.mu.RLock()
	before := slices.Clone(q.list)
	q.mu.RUnlock()
	there, err := q.meet(ctx)
	if err != nil {
		return err
	}
	var gone []ended
	for _, w := range before {
		if !there[w.id.key()] {
			gone = append(gone, ended{w: w})
		}
	}
	if len(gone) > 0 {
		q.remove(gone)
	}
	return nil
}

// meetStep is how many requests are read at once.
const meetStep = 1000

// meet adds what waits and is not known, and returns the keys of all that waits. They
// are in the order of their numbers but for those that were accepted at once, of which
// any may be stored first.
func (q *queue) meet(ctx context.Context) (there map[string]bool, err error) {
	keys, err := q.joined.Keys(ctx, tableQueue)
	if err != nil {
		return nil, ofDatabase(err)
	}
	there = make(map[string]bool, len(keys))
	var unknown []string
	q.mu.RLock()
	for _, key := range keys {
		there[key] = true
		if len(key) != len(taskID{}) || q.live[taskID([]byte(key))] == nil {
			unknown = append(unknown, key)
		}
	}
	q.mu.RUnlock()
	for part := range slices.Chunk(unknown, meetStep) {
		if err := q.fetch(ctx, part); err != nil {
			return nil, err
		}
	}
	return there, nil
}

// fetch adds requests that are stored; those that have ended meanwhile are none.
func (q *queue) fetch(ctx context.Context, keys []string) error {
	return q.store.Get(ctx, tableQueue, keys, func(key string, value []byte) error {
		if value == nil {
			return nil
		}
		return q.keep(key, value)
	})
}
