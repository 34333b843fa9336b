package service

import (
	"context"
	"sync"
	"time"
)

// What a replica knows of the online key before it has to sign: a replica that follows
// may never be asked to until the one that can is gone.

// openKeys opens the online key of each root, and tries again while that fails.
func (r *Replica) openKeys(ctx context.Context) {
	var opened *trustedRoot
	for pause := keepUpEvery; ; {
		if root := r.front.current().root; root != nil && root != opened {
			_, err := r.front.signers.forRoot(ctx, root)
			if ctx.Err() != nil {
				return
			}
			r.note(&r.keyErr, err, "this replica can't publish, it will be tried again", "this replica can publish again")
			if err == nil {
				opened, pause = root, keepUpEvery
			} else {
				pause = min(2*pause, lastPause)
			}
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// asking are questions to key services that have no answer yet.
type asking struct {
	mu   sync.Mutex
	last int
	list map[int]time.Time // when they were asked
}

// begin notes a question, until what it returns is called.
func (a *asking) begin() (end func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	if a.list == nil {
		a.list = map[int]time.Time{}
	}
	n := a.last
	a.list[n] = time.Now()
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.list, n)
	}
}

// since is for how long the oldest has had no answer.
func (a *asking) since(now time.Time) (longest time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, begun := range a.list {
		longest = max(longest, now.Sub(begun))
	}
	return longest
}
