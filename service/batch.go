package service

import (
	"context"
	"time"
)

// What requests of one publication cost at most (see record.cost), and how many
// bytes one write of the queue has: they are in memory then. From largeRequest on
// a request, or a publication, counts as large.
const (
	maxBatch     = 192 << 20
	maxWrite     = 16 << 20
	largeRequest = 1 << 20
)

// next is what to publish next: one request, or the artifact requests
// from the oldest on. Requests that wait for somebody else to publish them
// are taken along but start nothing.
func (q *queue) next() []*waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := -1
	for i, w := range q.list {
		// One that a publication died of takes nobody along, and comes alone.
		if (!w.parked() || q.suspects.has(w.id)) && !q.suspects.aside(w.id) {
			first = i
			break
		}
	}
	if first < 0 {
		return nil
	}
	if !q.list[first].kind.artifacts() || q.suspects.has(q.list[first].id) {
		q.list[first].running.Store(true)
		return []*waiting{q.list[first]}
	}
	var batch []*waiting
	size := int64(0)
	for _, w := range q.list {
		if q.suspects.has(w.id) {
			continue // it is published alone, or not at all
		}
		if !w.kind.artifacts() || len(batch) > 0 && size+w.size > maxBatch {
			break
		}
		size += w.size
		batch = append(batch, w)
	}
	for _, w := range batch {
		w.running.Store(true)
	}
	return batch
}

// nextOf is next, with what replicas have accepted meanwhile.
func (q *queue) nextOf(ctx context.Context) []*waiting {
	_ = q.learn(ctx) // which fails again before the next publication
	return q.next()
}

// isLarge tells whether a batch takes so long to publish that it is worth to
// wait for what is about to come.
func isLarge(batch []*waiting) bool {
	size := int64(0)
	for _, w := range batch {
		size += w.size
	}
	return batch[0].kind.artifacts() && size >= largeRequest && size < maxBatch/2
}

// How long a large publication waits for more, at least and at most.
const (
	leastWait = 2 * time.Second
	mostWait  = 30 * time.Second
)

// waitForMore waits while large requests come in, so that one publication takes
// them all: it costs by the role, and little by the artifact. They wait no longer
// than a publication takes, which is what each further one costs, and until nothing
// has come for a small part of that.
func (q *queue) waitForMore(ctx context.Context, publication time.Duration) {
	wait := min(max(publication, leastWait), mostWait)
	deadline, quiet := time.NewTimer(wait), time.NewTimer(wait/20)
	defer deadline.Stop()
	defer quiet.Stop()
	for known := 0; ; {
		select {
		case <-q.wake:
			_ = q.learn(ctx) // which fails again before the next publication
			q.mu.RLock()
			count, enough := len(q.list), q.bytes >= maxBatch
			q.mu.RUnlock()
			if enough {
				return
			}
			if count != known { // else another replica has shown that it lives, or has published
				known = count
				quiet.Reset(wait / 20)
			}
		case <-quiet.C:
			if q.receiving.Load() == 0 {
				return
			}
			quiet.Reset(wait / 20)
		case <-deadline.C:
			return
		case <-q.accepted:
			return
		case <-q.leaving:
			return
		case <-ctx.Done():
			return
		}
	}
}

// gather waits for what comes within a while, so that one publication takes it.
func (q *queue) gather(ctx context.Context, window time.Duration) {
	timer := time.NewTimer(window)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.draining:
	case <-q.leaving:
	case <-ctx.Done():
	}
}

// hasWork tells whether something waits that nobody else has to publish.
func (q *queue) hasWork() bool {
	q.mu.RLock()
	defer q.mu.RUnlock()
	for _, w := range q.list {
		if !w.parked() && !q.suspects.aside(w.id) {
			return true
		}
	}
	return false
}
