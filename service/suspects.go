package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
	"time"

	"example.org/rstuf"
)

// A request that kills the process, or never ends, must not do so for ever: what
// is accepted is durable, so it would come again at each start. Kills from
// outside must not be taken for its fault. So a publication is watched once it
// takes longer than others: when it uses memory out of proportion, or far too
// much time, that is noted durably, and a start that finds such a note knows that
// the process died of it. Of several requests each is then published alone, and
// one that has done it three times alone is set aside, until a person lets it go
// on or drops it. A panic counts like a death.

// maxDeaths is how often a request may kill the process before it is set aside.
const maxDeaths = 3

// What a publication may use before it is noted: so much memory beside what its
// requests cost times a factor, and so much time.
const (
	slackMemory  = 256 << 20
	costFactor   = 8
	longTime     = 10 * time.Minute
	firstWatch   = time.Second
	betweenWatch = 100 * time.Millisecond
)

type suspects struct {
	store Store
	log   *slog.Logger
	// memory is how much the process uses; a test has its own.
	memory           func() uint64
	first, slack     int64
	between, tooLong time.Duration
	mu               sync.Mutex
	deaths           map[taskID]int
}

func newSuspects(cfg Config) *suspects {
	return &suspects{log: cfg.Logger, memory: heapInUse, first: int64(firstWatch), slack: slackMemory, between: betweenWatch, tooLong: longTime, deaths: map[taskID]int{}}
}

func heapInUse() uint64 {
	sample := []runtimemetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	runtimemetrics.Read(sample)
	return sample[0].Value.Uint64()
}

// load reads what earlier lives noted, and what the last one died of.
func (s *suspects) load(ctx context.Context) error {
	if err := s.read(ctx, s.store); err != nil {
		return err
	}
	return s.store.Get(ctx, tableState, []string{keyWatched}, func(_ string, sealed []byte) error {
		if ids := parseIDs(sealed); len(ids) > 0 {
			s.count(ids)
		}
		return nil
	})
}

// read reads what earlier lives noted.
func (s *suspects) read(ctx context.Context, from reader) error {
	deaths := map[taskID]int{}
	err := from.Read(ctx, tableSuspects, func(key string, value []byte) error {
		if len(key) != len(taskID{}) || len(value) != 1 {
			return errors.New("a suspect's entry has the wrong length")
		}
		deaths[taskID([]byte(key))] = int(value[0])
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaths = deaths
	return nil
}

// count notes that the process died while these were published.
func (s *suspects) count(ids []taskID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		deaths := s.deaths[id]
		if len(ids) == 1 {
			deaths++
		}
		s.deaths[id] = deaths
		if deaths >= maxDeaths {
			s.log.Error("a request is set aside: the process died of it three times; see rstuf fsck", "task", id.String())
		}
	}
}

// save writes what is known, and takes the note of a publication away.
func (s *suspects) save(c *changes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, deaths := range s.deaths {
		c.put(tableSuspects, id.key(), []byte{byte(min(deaths, maxDeaths))})
	}
	c.delete(tableState, keyWatched)
}

// forget drops requests that have ended.
func (s *suspects) forget(c *changes, list []ended) {
	for _, e := range list {
		if s.has(e.w.id) {
			c.delete(tableSuspects, e.w.id.key())
		}
	}
}

// has tells whether the process died while a request was published.
func (s *suspects) has(id taskID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.deaths[id]
	return ok
}

// aside tells whether a request is set aside.
func (s *suspects) aside(id taskID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deaths[id] >= maxDeaths
}

// watch notes a publication that takes too much, until the returned function is
// called.
func (s *suspects) watch(batch []*waiting) (stop func()) {
	cost := int64(0)
	ids := make([]taskID, len(batch))
	for i, w := range batch {
		cost += w.size
		ids[i] = w.id
	}
	ctx, cancel := context.WithCancel(context.Background())
	noted := make(chan bool, 1)
	before := s.memory()
	go func() { noted <- s.note(ctx, ids, before+uint64(s.slack+costFactor*cost)) }()
	return func() {
		cancel()
		if <-noted {
			if err := s.store.Commit(context.Background(), changes{{Table: tableState, Key: keyWatched}}); err != nil {
				s.log.Warn("the note of a publication could not be removed", "error", err)
			}
		}
	}
}

// note waits until a publication has taken too much, and notes it then.
func (s *suspects) note(ctx context.Context, ids []taskID, limit uint64) bool {
	begun := time.Now()
	timer := time.NewTimer(time.Duration(s.first))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
		}
		if s.memory() > limit || time.Since(begun) > s.tooLong {
			break
		}
		timer.Reset(s.between)
	}
	var raw []byte
	for _, id := range ids {
		raw = append(raw, id[:]...)
	}
	if err := s.store.Commit(ctx, changes{{tableState, keyWatched, seal(raw)}}); err != nil {
		s.log.Warn("a publication takes too much, and that could not be noted", "error", err)
		return false
	}
	return true
}

func parseIDs(sealed []byte) (ids []taskID) {
	raw, err := unseal(sealed)
	if err != nil {
		return nil
	}
	for ; len(raw) >= len(taskID{}); raw = raw[len(taskID{}):] {
		ids = append(ids, taskID(raw[:len(taskID{})]))
	}
	return ids
}

// panicked is a panic in a publication.
type panicked struct {
	cause any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.cause) }

// guarded calls f and turns a panic into an error.
func guarded(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &panicked{cause, debug.Stack()}
		}
	}()
	return f()
}

// processWatched is process, for requests that may kill it.
func (s *Service) processWatched(ctx context.Context, batch []*waiting) error {
	stop := s.suspects.watch(batch)
	err := guarded(func() error { return s.process(ctx, batch) })
	stop()
	var p *panicked
	if !errors.As(err, &p) {
		return err
	}
	s.cfg.Logger.Error("a publication panicked", "error", p, "stack", string(p.stack))
	ids := make([]taskID, len(batch))
	for i, w := range batch {
		ids[i] = w.id
	}
	s.suspects.count(ids)
	// The queue decides anew what comes next.
	var c changes
	s.suspects.save(&c)
	return s.store.Commit(ctx, c)
}

// setAside are the requests that wait for a person to decide.
func (s *Service) setAside() (list []*waiting) {
	s.queue.mu.RLock()
	defer s.queue.mu.RUnlock()
	for _, w := range s.queue.list {
		if s.suspects.aside(w.id) {
			list = append(list, w)
		}
	}
	return list
}

// Decide ends the waiting of a request that was set aside, since the process
// died of it: it is dropped, and its task fails, or it is tried again. No other
// process may use the folder. [Check] names such requests.
func Decide(ctx context.Context, cfg Config, task string, drop bool) error {
	s, err := offline(ctx, cfg)
	if err != nil {
		return fmt.Errorf("decide on task %s: %w", task, err)
	}
	err = s.decide(ctx, task, drop)
	if err != nil {
		err = fmt.Errorf("decide on task %s: %w", task, err)
	}
	return errors.Join(err, s.store.Close())
}

func (s *Service) decide(ctx context.Context, task string, drop bool) error {
	id, ok := parseTaskID(task)
	w := s.queue.find(id)
	if !ok || w == nil || !s.suspects.aside(id) {
		return errors.New("no such request is set aside")
	}
	var c changes
	c.delete(tableSuspects, id.key())
	if drop {
		list := []ended{{w, outcome{rstuf.TaskFailure, rstuf.TaskResult{Message: "The request was dropped: the service died of it three times"}}}}
		if _, err := s.results.put(&c, list); err != nil {
			return err
		}
		s.queue.take(&c, list)
	}
	return s.store.Commit(ctx, c)
}
