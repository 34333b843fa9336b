package service

import (
	"sync"
	"time"

	"example.org/rstuf/health/event"
)

// maxEvents is how many events wait for Config.Events at most.
const maxEvents = 1000

// teller tells events to a callback, one after the other, in a goroutine of its
// own: whoever sends one never waits.
type teller struct {
	tell func(event.Event) // nil if nobody wants to know
	now  func() time.Time
	wake chan struct{} // has one element if something may wait
	done chan struct{} // closed when the last one was told

	mu      sync.Mutex
	waiting []event.Event
	dropped int // since waiting is full
	total   int // dropped since the start
	closed  bool
}

func newTeller(cfg Config) *teller {
	return &teller{tell: cfg.Events, now: cfg.Now, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// send queues an event, or drops it if too many wait.
func (t *teller) send(e event.Event) {
	if t.tell == nil {
		return
	}
	t.mu.Lock()
	switch {
	case t.closed:
	case len(t.waiting) < maxEvents:
		t.waiting = append(t.waiting, e)
	default:
		t.dropped++
		t.total++
	}
	t.mu.Unlock()
	t.stir()
}

func (t *teller) stir() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// start begins to tell, if anybody wants to know.
func (t *teller) start() {
	if t.tell != nil {
		go t.run()
	}
}

// run tells what is sent until close.
func (t *teller) run() {
	defer close(t.done)
	for range t.wake {
		t.mu.Lock()
		list, dropped, closed := t.waiting, t.dropped, t.closed
		t.waiting, t.dropped = nil, 0
		t.mu.Unlock()
		for _, e := range list {
			t.tell(e)
		}
		if dropped > 0 { // all of them came after those
			e := event.Of(event.EventsDropped, t.now(), "")
			e.Count = dropped
			t.tell(e)
		}
		if closed {
			return
		}
	}
}

// close lets what waits be told. It waits for that, but not for ever: the callback
// is a stranger's.
func (t *teller) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	if t.tell == nil {
		return
	}
	t.stir()
	select {
	case <-t.done:
	case <-time.After(closeGrace):
	}
}

// droppedEvents is how many were dropped since the start.
func (t *teller) droppedEvents() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}
