package service

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Who publishes: each replica tries to as long as nobody else does, and lets others try
// when it can't.

// begin takes the right to publish and makes the half that does.
func (r *Replica) begin(ctx context.Context) (*Service, error) {
	store, err := r.front.cfg.Replicas.Open(ctx)
	if err != nil {
		return nil, ofDatabase(err)
	}
	s := newService(r.front.cfg, r.front.disk)
	s.metrics, s.events, s.signers = r.front.metrics, r.front.events, r.front.signers
	s.queue.joined, s.queue.receiving = r.joined, r.front.queue.receiving
	s.setStore(store)
	_ = s.storage.Sync(ctx) // of what this replica has written when it led before others may have removed some
	if err := s.start(ctx); err != nil {
		if !errors.Is(err, ErrElsewhere) {
			r.noteBegun(ctx)
		}
		return nil, errors.Join(err, store.Close())
	}
	return s, nil
}

// leadAll leads whenever no other replica does.
func (r *Replica) leadAll(ctx context.Context) {
	defer close(r.done)
	for pause := firstPause; ; {
		if s := r.leading(); s != nil {
			r.endLead(ctx, s)
			pause = firstPause
		}
		if ctx.Err() != nil {
			return
		}
		s, err := r.begin(ctx)
		switch {
		case err == nil:
			s.keepPaused(r.front.keepPaused(nil)) // until something has succeeded
			r.lead(s)
		case ctx.Err() != nil:
		case errors.Is(err, ErrElsewhere):
			r.end(err)
		case errors.Is(err, ErrLocked) || errors.Is(err, ErrLost):
			if begunOf(r.front.current()) != r.begun { // else it may just find that it can't publish either
				r.front.setPaused(nil)
			}
			pause = firstPause
			if sleep(ctx, tryMost) {
				r.waitAgain(ctx)
			}
		default:
			r.front.setPaused(fmt.Errorf("begin to publish: %w", err))
			sleep(ctx, pause)
			pause = min(2*pause, lastPause)
			for r.front.failing() != nil && sleep(ctx, firstPause) {
				pause = firstPause // it can begin as soon as the database is back
			}
		}
	}
}

// begun is what whoever begins to publish changes in the database once it can, and what
// it publishes.
type begun struct {
	skips     int64
	clean     bool
	timestamp string
}

func begunOf(repo *repository) begun {
	if repo == nil {
		return begun{}
	}
	return begun{repo.skips, repo.clean, string(repo.timestamp)}
}

// noteBegun notes that as it is while this replica has the right to publish, and can't.
func (r *Replica) noteBegun(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	_ = r.fresh(ctx) // else it is as it was known last
	r.begun = begunOf(r.front.current())
}

// How often to try to lead while another replica does: at most, though something has
// happened, and at least, since nobody tells of a lease that ends by itself.
const (
	tryMost  = 100 * time.Millisecond
	tryLeast = 250 * time.Millisecond
)

// waitAgain waits until it may be worth to try to lead.
func (r *Replica) waitAgain(ctx context.Context) {
	timer := time.NewTimer(tryLeast - tryMost)
	defer timer.Stop()
	select {
	case <-r.again:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// lead begins to publish.
func (r *Replica) lead(s *Service) {
	r.front.cfg.Logger.Info("this replica publishes now")
	s.publish()
	r.setLeader(s)
	s.queue.hint() // what was accepted since it has read the queue
}

// endLead ends that when the context ends, or another replica has the right to.
func (r *Replica) endLead(ctx context.Context, s *Service) {
	select {
	case <-s.done:
	case <-ctx.Done():
		s.queue.leave()
	}
	if why := s.Status().Paused; why != nil && !errors.Is(why, ErrLost) {
		r.front.keepPaused(why) // until another replica leads, or this one again
	}
	r.noteBegun(ctx)
	err := s.close(r.grace)
	r.setLeader(nil)
	r.front.cfg.Logger.Info("this replica does not publish any more", "error", err)
	if s.queue.leaves() {
		sleep(ctx, 4*tryLeast) // others first
	}
}

func (r *Replica) setLeader(s *Service) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leader = s
}

func (r *Replica) leading() *Service {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.leader
}
