package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"example.org/rstuf/internal/durable"
)

// A replica has two halves, each a Service. The front accepts requests and answers, for
// its whole life and whoever publishes (front.go). The other half is there while this
// replica leads: it is begun anew each time, like a service that starts, publishes what
// all replicas have accepted, and has no API. No request goes from one half to the
// other, so none fails because another replica leads.

// Replica is one of several services of one repository. All of them accept requests, and
// answer for what any of them has accepted; one publishes, and when that one ends or
// dies another one goes on. Its methods may be called by several goroutines at once.
type Replica struct {
	front  *Service
	joined Joined
	view   view

	stop   context.CancelFunc // ends everything but a publication that is under way
	again  chan struct{}      // holds one when it may be worth to try to lead
	done   chan struct{}      // closed when it leads no more
	grace  context.Context    // ends when that publication has to end too
	cutOff context.CancelFunc // ends grace

	begun begun // by others, when this replica could not publish last; of leadAll

	ending sync.Once  // of end
	mu     sync.Mutex // guards what follows
	leader *Service   // nil while this replica does not publish
	keyErr error      // why the online key can't be opened here
	seeErr error      // why what others have done can't be read here
	gone   error      // that the repository is elsewhere, once this replica knows
}

// OpenReplica starts a replica on [Config.Replicas] and Config.Storage, which must keep
// two writers apart ([Prober]); of Config.Dir it uses the keys alone. If nobody
// publishes it begins to. The context covers the start alone.
func OpenReplica(ctx context.Context, cfg Config) (*Replica, error) {
	r, err := openReplica(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open a replica: %w", err)
	}
	return r, nil
}

func openReplica(ctx context.Context, cfg Config) (_ *Replica, err error) {
	if cfg.Replicas == nil || cfg.Store != nil {
		return nil, errors.New("Config.Replicas says where replicas meet, and Config.Store is not for them")
	}
	if cfg, err = cfg.withDefaults(); err != nil {
		return nil, err
	}
	if err := probeForReplicas(ctx, cfg.Storage); err != nil {
		return nil, err
	}
	r := &Replica{front: newService(cfg, &durable.Disk{Unsafe: cfg.UnsafeNoSync}), again: make(chan struct{}, 1), done: make(chan struct{}), view: view{loading: make(chan struct{}, 1)}}
	run, stop := context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			stop()
		}
	}()
	r.front.replica, r.stop = r, stop
	if err := r.front.makeHandler(); err != nil {
		return nil, err
	}
	if err := r.front.signers.start(cfg); err != nil {
		return nil, err
	}
	if r.joined, err = cfg.Replicas.Join(ctx); err != nil {
		return nil, err
	}
	r.front.queue.joined = r.joined
	r.front.setStore(joinedStore{r.joined})
	leader, err := r.begin(ctx)
	if err == nil || errors.Is(err, ErrLocked) {
		err = r.load(ctx)
	}
	if err == nil && r.front.repo.root != nil {
		err = r.front.signers.check(r.front.repo.root)
	}
	if err != nil {
		if leader != nil {
			err = errors.Join(err, leader.store.Close())
		}
		return nil, errors.Join(err, r.joined.Close())
	}
	r.run(run, leader)
	return r, nil
}

// probeTries is how often a storage may look as if it did not keep writers apart: while
// another replica begins it removes files with temporary names, such as a probe's.
const probeTries = 3

// probeForReplicas refuses a storage in which two writers could overwrite each other.
func probeForReplicas(ctx context.Context, storage Storage) (err error) {
	prober, ok := storage.(Prober)
	if !ok {
		return fmt.Errorf("Config.Storage is no service.Prober, as replicas need one: %w", ErrUnconditional)
	}
	for range probeTries {
		if err = prober.Probe(ctx); !errors.Is(err, ErrUnconditional) {
			break
		}
	}
	switch {
	case errors.Is(err, ErrUnconditional):
		return fmt.Errorf("replicas need a storage that keeps two writers apart: %w", err)
	case err != nil:
		return fmt.Errorf("try the storage of the metadata files: %w", err)
	}
	return nil
}

// run begins everything; leader is the half that publishes, if this replica does.
func (r *Replica) run(ctx context.Context, leader *Service) {
	r.grace, r.cutOff = context.WithCancel(context.Background())
	go r.front.queue.run()
	r.front.events.start()
	if leader != nil {
		r.lead(leader)
	}
	go r.watch(ctx)
	go r.keepUp(ctx)
	go r.openKeys(ctx)
	go r.leadAll(ctx)
}

// end has this replica publish, accept and answer no more, since the repository is
// elsewhere. Files are served as they were known last.
func (r *Replica) end(err error) {
	r.ending.Do(func() {
		r.front.cfg.Logger.Error("this replica ends, its repository is elsewhere", "error", err)
		r.mu.Lock()
		r.gone = err
		r.mu.Unlock()
		r.stop()
	})
}

// sleep waits; it returns false if the context ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// leads tells whether this replica publishes, and why it does not at the moment: for a
// reason of its own, or of the half that does.
func (r *Replica) leads(paused error) (bool, error) {
	if gone := r.noted(&r.gone); gone != nil {
		return false, gone
	}
	s, paused := r.leading(), cmp.Or(paused, r.noted(&r.keyErr))
	if s == nil || paused != nil {
		return s != nil, paused
	}
	if paused = s.Status().Paused; errors.Is(paused, ErrLost) {
		return false, nil
	}
	return true, paused
}

// watch looks whenever somebody may have done something.
func (r *Replica) watch(ctx context.Context) {
	go func() {
		for {
			select {
			case <-r.front.queue.wake: // accepted here
				if s := r.leading(); s != nil {
					s.queue.hint()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	for yield := (yielding{after: firstYield}); ctx.Err() == nil; {
		if err := r.joined.Wait(ctx); err != nil {
			sleep(ctx, firstPause)
		}
		if s := r.leading(); s != nil {
			paused := s.Status().Paused
			if errors.Is(paused, ErrLost) {
				s.stop() // nothing else may be about to tell it
			}
			now := time.Now()
			held := r.front.signers.asking.since(now)
			if yield.due(now, cmp.Or(paused, r.noted(&r.keyErr)) != nil && s.failing() == nil, held) {
				s.queue.leave()
				if held >= firstYield { // which nothing else would end for a while
					s.setPaused(fmt.Errorf("the online key gives no answer for %s", held.Round(time.Second)))
					s.stop()
				}
			}
			s.queue.hint()
		}
		select {
		case r.again <- struct{}{}:
		default:
		}
	}
}

// keepUpEvery is how old what is known without asking may be: what waits, for its
// bound, and what Status tells.
const keepUpEvery = time.Second

func (r *Replica) keepUp(ctx context.Context) {
	look := func() error {
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		return cmp.Or(ofDatabase(r.front.queue.follow(ctx)), r.fresh(ctx))
	}
	for sleep(ctx, keepUpEvery) {
		if err := look(); ctx.Err() == nil {
			r.note(&r.seeErr, err, "what other replicas do can't be read, it will be tried again", "what other replicas do can be read again")
		}
	}
}

// note notes why something is not as it should be at this replica, which is nil if it
// is, and tells when that changes.
func (r *Replica) note(why *error, err error, amiss, well string) {
	r.mu.Lock()
	before := *why
	*why = err
	r.mu.Unlock()
	switch {
	case err != nil && (before == nil || before.Error() != err.Error()):
		r.front.cfg.Logger.Error(amiss, "error", err)
	case err == nil && before != nil:
		r.front.cfg.Logger.Info(well)
	}
}

// noted is what note has noted, or why this replica has ended by itself.
func (r *Replica) noted(why *error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *why
}

// Handler is as [Service.Handler].
func (r *Replica) Handler() http.Handler { return r.front.Handler() }

// MetadataHandler is as [Service.MetadataHandler].
func (r *Replica) MetadataHandler() http.Handler { return r.front.MetadataHandler() }

// Status tells how the replica is doing. Paused is its own matter: of one that does not
// publish, why it could not begin to. If it is [ErrElsewhere] the replica has ended but
// for Close.
func (r *Replica) Status() Status { return r.front.Status() }

// Close stops accepting requests, ends what is under way, and has another replica
// publish at once. What waits is left to it. If the context ends first, a publication
// is cut off, and begun anew by another replica.
func (r *Replica) Close(ctx context.Context) error {
	defer r.front.events.close()
	if !r.front.queue.drain() {
		select {
		case <-r.done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("close replica: %w", ctx.Err())
		}
	}
	r.stop()
	defer r.cutOff()
	var err error
	for _, ended := range []chan struct{}{r.done, r.front.queue.accepted} {
		select {
		case <-ended:
			continue
		case <-ctx.Done():
		}
		err = fmt.Errorf("close replica: %w", ctx.Err())
		r.cutOff()
		select {
		case <-ended:
		case <-time.After(2 * closeGrace):
		}
	}
	return errors.Join(err, r.joined.Close())
}
