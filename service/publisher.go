package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/health/event"
)

// Pauses after an attempt to publish that failed for reasons of the service.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

// publishAll is the one goroutine that publishes.
func (s *Service) publishAll(ctx context.Context) {
	defer close(s.done)
	var cleaning sync.WaitGroup
	cleaning.Go(func() { s.cleanAll(ctx) })
	defer cleaning.Wait()
	defer s.stop()
	timer := time.NewTimer(0) // look for roles to bump right away
	defer timer.Stop()
	for timed := false; ; {
		if !s.publishWaiting(ctx) {
			return
		}
		if !timed && s.repo.bootstrapped() {
			timed = true
			timer.Reset(0) // the first roles are there: find out when they end
		}
		select {
		case <-s.queue.wake:
		case <-timer.C:
			timer.Reset(s.maintain(ctx))
		case <-ctx.Done():
			return
		}
	}
}

// publishWaiting publishes until nothing waits that wants to be. It returns
// false when the service ends.
func (s *Service) publishWaiting(ctx context.Context) bool {
	for {
		if err := s.queue.learn(ctx); err != nil && !s.attempt(ctx, func() error { return s.queue.learn(ctx) }) {
			return false
		}
		batch := s.queue.next()
		if s.queue.leaves() {
			return false
		}
		if batch == nil {
			select {
			case <-s.queue.accepted:
				if s.queue.hasWork() { // it came in the meantime
					continue
				}
				return false
			default:
				return ctx.Err() == nil
			}
		}
		if s.cfg.PublishEvery > 0 && batch[0].kind.artifacts() {
			s.queue.gather(ctx, s.cfg.PublishEvery)
			batch = s.queue.nextOf(ctx)
		}
		if isLarge(batch) {
			s.queue.waitForMore(ctx, s.pace*time.Duration(len(s.repo.roles.names)))
			batch = s.queue.nextOf(ctx)
		}
		if s.queue.leaves() { // while it waited
			return false
		}
		if !s.attempt(ctx, func() error { return s.processWatched(ctx, batch) }) {
			return false
		}
	}
}

// attempt does something until it succeeds, with growing pauses. It returns
// false when the service ends first, or has lost its store.
func (s *Service) attempt(ctx context.Context, f func() error) bool {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := f()
		if ctx.Err() != nil {
			return false
		}
		if failing := s.failing(); err != nil && errors.Is(failing, ErrLost) {
			err = failing // what is read of a store that others change makes no sense
		}
		s.setPaused(err)
		if err == nil {
			return true
		}
		if errors.Is(err, ErrLost) {
			return false
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.queue.leaving:
			timer.Stop()
			return false
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// keepPaused is setPaused with what the other half of a replica has told already.
func (s *Service) keepPaused(err error) (before error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.paused = s.paused, err
	return before
}

func (s *Service) setPaused(err error) {
	s.mu.Lock()
	before := s.paused
	s.paused = err
	s.mu.Unlock()
	if s.cfg.Replicas != nil && errors.Is(err, ErrLost) {
		return // another replica publishes
	}
	switch { // the log first, since what is told refers to it
	case err != nil:
		s.metrics.failures.Add(1)
		s.cfg.Logger.Error("publishing is paused, it will be tried again", "error", err)
		if before == nil {
			s.events.send(event.Of(event.PublishingPaused, s.cfg.Now(), public(err)))
		}
	case before != nil:
		s.cfg.Logger.Info("publishing goes on")
		s.events.send(event.Of(event.PublishingResumed, s.cfg.Now(), ""))
	}
}

// process brings requests to their end: published, refused or failed. An
// error means that nothing has changed and that it may be tried again.
func (s *Service) process(ctx context.Context, batch []*waiting) error {
	batch = s.queue.waitingOf(batch)
	if len(batch) == 0 {
		return nil
	}
	bodies, err := s.queue.bodies(ctx, batch)
	if err != nil {
		return err
	}
	if err := s.passBy(ctx); err != nil {
		return err
	}
	if !batch[0].kind.artifacts() {
		p, err := s.request(ctx, batch[0], []byte(bodies[0]))
		if err != nil {
			return err
		}
		return s.finish(ctx, p)
	}
	p := s.newPublication()
	if err := p.artifacts(ctx, batch, bodies); err != nil {
		var u *unpublishable
		if errors.As(err, &u) {
			return s.processEach(ctx, batch, u)
		}
		return err
	}
	return s.finish(ctx, p)
}

// processEach publishes requests one by one, of which one cannot be published,
// and refuses that one.
func (s *Service) processEach(ctx context.Context, batch []*waiting, u *unpublishable) error {
	if len(batch) > 1 {
		for _, w := range batch {
			if err := s.process(ctx, []*waiting{w}); err != nil {
				return err
			}
		}
		return nil
	}
	p := s.newPublication()
	message := "Adding artifact(s) Failed"
	if batch[0].kind == removeArtifacts {
		message = "Removing artifact(s) Failed"
	}
	o, _ := refused(s.cfg.Now(), batch[0].kind, refuse(message, "%v", u))
	p.ended = append(p.ended, ended{batch[0], o})
	return s.finish(ctx, p)
}

// request does what a request other than for artifacts asks. Of one that is
// refused the publication has the result alone: whatever was begun is dropped.
func (s *Service) request(ctx context.Context, w *waiting, body []byte) (*publication, error) {
	p := s.newPublication()
	o, err := p.run(ctx, w, body)
	if err != nil {
		told, ok := refused(s.cfg.Now(), w.kind, err)
		if !ok {
			return nil, fmt.Errorf("%s: %w", w.kind.name(), err)
		}
		p, o = s.newPublication(), told
		if why := new(refusal); errors.As(err, &why) && why.hidden != nil {
			s.cfg.Logger.Error("a task can't be done", "task", w.id.String(), "error", why.hidden)
		}
	}
	p.ended = append(p.ended, ended{w, o})
	return p, nil
}

func (p *publication) run(ctx context.Context, w *waiting, body []byte) (outcome, error) {
	switch w.kind {
	case bootstrapRepository:
		return p.bootstrap(ctx, w, body)
	case updateSettings:
		return p.updateSettings(body)
	case updateMetadata:
		return p.updateMetadata(ctx, body)
	case bumpOnline:
		return p.bumpOnline(ctx, body)
	case signMetadata:
		return p.signMetadata(ctx, body)
	case deleteSign:
		return p.deleteSign(body)
	case addDelegations:
		return p.changeDelegations(ctx, body, p.addDelegation)
	case updateDelegations:
		return p.changeDelegations(ctx, body, p.updateDelegation)
	case deleteDelegations:
		return p.deleteDelegations(ctx, body)
	}
	return outcome{}, &failure{fmt.Sprintf("a request of kind %d is not known", w.kind)}
}

// maintain does what is due without a request: roles that end soon are signed
// anew. It returns when to do it again: when the next of them does, and after
// Config.BumpEvery at the latest, for the clock may be set, and a timer stands
// still while the machine sleeps.
func (s *Service) maintain(ctx context.Context) time.Duration {
	if !s.repo.bootstrapped() {
		s.setPaused(nil)
		return s.cfg.BumpEvery
	}
	now := s.cfg.Now() // for both, or what is not due yet would be told to have ended
	defer s.tellEnds(now)
	if err := s.passBy(ctx); err != nil {
		s.setPaused(err)
		return min(s.cfg.BumpEvery, lastPause)
	}
	p := s.newPublication()
	due := p.due(now.Add(s.cfg.BumpBefore))
	if len(due) > 0 {
		err := p.bump(ctx, due)
		if err == nil {
			err = s.finish(ctx, p)
		}
		if err != nil {
			s.setPaused(fmt.Errorf("sign roles anew that end soon: %w", err))
			return min(s.cfg.BumpEvery, lastPause)
		}
		s.cfg.Logger.Info("signed roles anew before their end", "roles", len(due))
	}
	s.setPaused(nil)
	return s.untilDue(s.newPublication().firstDue(s.cfg.BumpBefore))
}

// untilDue is how long to wait for a time at which a role is due. One that is due
// already, since its life is short, has to wait for its turn.
func (s *Service) untilDue(due time.Time) time.Duration {
	left := due.Sub(s.cfg.Now())
	if due.IsZero() || left <= 0 {
		return s.cfg.BumpEvery
	}
	return min(s.cfg.BumpEvery, max(left, firstPause))
}

// logTask says how a task ended.
func (s *Service) logTask(e ended) {
	attrs := []any{"task", e.w.id.String(), "kind", string(e.w.kind.name()), "state", string(e.state)}
	if e.state != rstuf.TaskSuccess {
		s.cfg.Logger.Warn("task ended", append(attrs, "message", e.result.Message, "error", e.result.Error)...)
		return
	}
	s.cfg.Logger.Info("task ended", attrs...)
}
