package service

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// A publication waits while requests come, not while other replicas say that they live,
// and as long as a request is on its way.
func TestWaitForMore(t *testing.T) {
	for name, c := range map[string]struct {
		publication, want time.Duration
		during            func(q *queue, tick int) // each 50 ms
	}{
		"nothing comes":                   {0, 100 * time.Millisecond, func(*queue, int) {}},
		"nothing comes, others are woken": {0, 100 * time.Millisecond, func(q *queue, _ int) { q.kick() }},
		"one comes":                       {0, 150 * time.Millisecond, comesUntil(1)},
		"they come for a second":          {0, 1100 * time.Millisecond, comesUntil(20)},
		"they come for ever":              {0, leastWait, comesUntil(1000)},
		"they come for ever, it is slow":  {5 * time.Second, 5 * time.Second, comesUntil(1000)},
		"it is very slow":                 {time.Hour, mostWait, comesUntil(1000)},
		"it is slow, nothing comes":       {10 * time.Second, 500 * time.Millisecond, func(*queue, int) {}},
		"one is on its way": {0, time.Second, func(q *queue, tick int) {
			q.receiving.Store(1)
			if tick > 18 {
				q.receiving.Store(0)
			}
		}},
		"another one is to publish": {0, 50 * time.Millisecond, func(q *queue, _ int) { q.leave() }},
		"there is enough":           {0, 50 * time.Millisecond, func(q *queue, _ int) { q.reserve(maxBatch); q.kick() }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(Config{MaxWaiting: 1 << 40})
				done := make(chan struct{})
				go func() {
					for tick := 1; ; tick++ {
						select {
						case <-time.After(50 * time.Millisecond):
							c.during(q, tick)
						case <-done:
							return
						}
					}
				}()
				began := time.Now()
				q.waitForMore(t.Context(), c.publication)
				close(done)
				assert.InDelta(t, c.want, time.Since(began), float64(40*time.Millisecond))
			})
		})
	}
}

// comesUntil has a request come at each tick until one.
func comesUntil(last int) func(*queue, int) {
	return func(q *queue, tick int) {
		if tick <= last {
			q.mu.Lock()
			q.add(&waiting{id: q.nextID()})
			q.mu.Unlock()
			q.kick()
		}
	}
}
