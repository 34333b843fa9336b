package rstuftest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.org/rstuf/service"
)

// How replicas learn that another one has done something.

// quiet waits until nobody has told a replica anything for a while.
func (c *sharedTest) quiet(joined service.Joined) {
	c.Helper()
	for range 100 {
		ctx, cancel := context.WithTimeout(c.Context(), 20*time.Millisecond)
		err := joined.Wait(ctx)
		cancel()
		if err != nil {
			c.is(err, context.DeadlineExceeded, "wait")
			return
		}
	}
	c.Fatalf("a replica waits for less than 20 ms, time after time, though nothing happens")
}

// waits of all replicas end when something happens, and without it after a while.
func (c *sharedTest) waits() {
	queue, state := service.Tables()[3], service.Tables()[0]
	by := c.joined[0]
	n := 0
	acts := []func(){
		func() { n++; c.accept(by, entry(queue, fmt.Sprintf("wakes %d", n))) },
		func() { c.commit(entry(state, "wakes")) },
		func() { c.close() },
	}
	for i, what := range []string{"somebody accepts", "somebody commits", "who publishes ends"} {
		for _, before := range []bool{false, true} {
			c.inTime("a replica waits when "+what, func() time.Duration {
				if c.store == nil {
					c.reopen()
				}
				return c.woken(acts[i], before)
			})
		}
	}
	c.reopen()
	c.inTime("a wait goes on when its context ends", func() time.Duration {
		c.quiet(by)
		ctx, cancel := context.WithCancel(c.Context())
		defer cancel()
		time.AfterFunc(20*time.Millisecond, cancel)
		began := time.Now()
		for by.Wait(ctx) == nil {
		}
		return time.Since(began)
	})
	ctx, cancel := context.WithTimeout(c.Context(), never)
	defer cancel()
	c.is(by.Wait(ctx), nil, "wait while nothing happens")
}

// inTime tries something that must be quick, more than once if it is not.
func (c *sharedTest) inTime(otherwise string, try func() time.Duration) {
	c.Helper()
	var took time.Duration
	for range tries {
		if took = try(); took < soon {
			return
		}
	}
	c.Errorf("%s: for %s", otherwise, took.Round(time.Millisecond))
}

// woken tells how long all replicas go on to wait when something happens, while they
// do or just before.
func (c *sharedTest) woken(act func(), before bool) time.Duration {
	c.Helper()
	for _, joined := range c.joined {
		c.quiet(joined)
	}
	var acted atomic.Bool
	var began time.Time
	happen := func() { began = time.Now(); acted.Store(true); act() }
	if before {
		happen()
	}
	var longest atomic.Int64
	var all sync.WaitGroup
	for _, joined := range c.joined {
		all.Go(func() {
			for {
				c.is(joined.Wait(c.Context()), nil, "wait")
				if acted.Load() {
					break
				}
			}
			took := int64(time.Since(began))
			for old := longest.Load(); took > old && !longest.CompareAndSwap(old, took); {
				old = longest.Load()
			}
		})
	}
	if !before {
		time.Sleep(20 * time.Millisecond) // they wait
		happen()
	}
	all.Wait()
	return time.Duration(longest.Load())
}
