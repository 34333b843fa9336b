package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/durable"
)

// Service is a running RSTUF. Its methods may be called by several goroutines
// at once.
type Service struct {
	cfg      Config
	disk     *durable.Disk
	store    Store
	queue    *queue
	results  *results
	suspects *suspects
	storage  Storage
	files    *ledger
	recent   *recent
	signers  *signerCache
	limits   *limits
	origin   origins
	access   access
	metrics  *metrics
	replica  *Replica // of the half of one that accepts and answers; else nil
	events   *teller
	handler  http.Handler
	// describe makes the description of the API, once it is asked for.
	describe func() (description, error)

	checking sync.Mutex         // held by the one check that is asked for over HTTP
	stop     context.CancelFunc // ends the publisher, once the queue is empty or at once
	done     chan struct{}      // closed when the publisher has ended

	// Of the publisher:
	ends ends          // what was told of them
	pace time.Duration // what a role took in the last publication of many

	// mu guards what follows. A repository is replaced, never changed; the
	// publisher alone does so.
	mu     sync.RWMutex
	repo   *repository
	paused error // why nothing is published at the moment
}

// Open starts a service on a folder: it takes the lock, repairs what a crash
// left, and begins to publish what waits. The context covers the start alone.
// The error is [ErrLocked] if another process uses the folder.
func Open(ctx context.Context, cfg Config) (*Service, error) {
	s, err := open(ctx, cfg, &durable.Disk{Unsafe: cfg.UnsafeNoSync})
	if err != nil {
		return nil, fmt.Errorf("open service in %s: %w", cfg.Dir, err)
	}
	return s, nil
}

func open(ctx context.Context, cfg Config, d *durable.Disk) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Replicas != nil {
		return nil, errors.New("Config.Replicas is for OpenReplica")
	}
	return newService(cfg, d).run(ctx)
}

// run starts a service that was made.
func (s *Service) run(ctx context.Context) (*Service, error) {
	if err := s.makeHandler(); err != nil {
		return nil, err
	}
	if err := s.openStore(ctx); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	s.events.start()
	s.publish()
	return s, nil
}

func (s *Service) makeHandler() (err error) {
	routes := s.routes()
	if s.access, err = newAccess(s.cfg, routes); err != nil {
		return err
	}
	s.describe = sync.OnceValues(func() (description, error) { return describeAPI(routes, s.access) })
	s.handler = s.newHandler(routes)
	s.metrics.countTokens(s.cfg.Tokens)
	return nil
}

// publish begins to accept and to publish.
func (s *Service) publish() {
	run, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go s.queue.run()
	for _, w := range s.setAside() {
		e := event.Of(event.RequestSetAside, s.cfg.Now(), "task "+w.id.String())
		e.Task = w.id.String()
		s.events.send(e)
	}
	go s.publishAll(run)
}

func newService(cfg Config, d *durable.Disk) *Service {
	return &Service{
		cfg: cfg, disk: d, limits: newLimits(cfg), origin: newOrigins(cfg.Hosts), storage: cfg.Storage, files: newLedger(),
		metrics: &metrics{}, signers: &signerCache{}, events: newTeller(cfg), queue: newQueue(cfg), results: newResults(cfg), suspects: newSuspects(cfg), done: make(chan struct{}),
	}
}

func (s *Service) openStore(ctx context.Context) error {
	open := s.cfg.Store
	if open == nil {
		open = func(context.Context) (Store, error) { return openDatabase(s.cfg.Dir, s.disk) }
	}
	store, err := open(ctx)
	if err != nil {
		return err
	}
	s.setStore(store)
	return nil
}

func (s *Service) setStore(store Store) {
	if s.cfg.Store != nil { // else it is state.db
		store = knownStore{store}
	}
	s.store, s.queue.store, s.results.store, s.suspects.store = store, store, store, store
	s.queue.suspects = s.suspects
}

// folder is where the metadata files are unless Config.Storage says so.
func (s *Service) folder() string { return filepath.Join(s.cfg.Dir, "metadata") }

// start makes everything ready to accept and to publish.
func (s *Service) start(ctx context.Context) (err error) {
	if s.storage == nil {
		if s.storage, err = newFolder(s.folder(), s.disk); err != nil {
			return err
		}
	}
	s.recent = newRecent(s.storage)
	if s.signers.open == nil { // else it is of a replica, which has led before
		if err := s.signers.start(s.cfg); err != nil {
			return err
		}
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	if s.repo.root != nil {
		if err := s.signers.check(s.repo.root); err != nil {
			return err
		}
	}
	if s.cfg.Replicas == nil && (s.cfg.Storage != nil || s.cfg.Store != nil) { // else the folder in Dir is ours while state.db is
		if err := s.probe(ctx); err != nil {
			return err
		}
	}
	return s.repair(ctx)
}

// load reads the database of a repository that is here.
func (s *Service) load(ctx context.Context) error {
	if err := elsewhere(ctx, s.store); err != nil {
		return err
	}
	return s.loadTables(ctx)
}

// loadTables reads the database, wherever the repository is.
func (s *Service) loadTables(ctx context.Context) (err error) {
	if s.repo, err = loadRepository(ctx, s.store); err == nil {
		err = s.files.load(ctx, s.store)
	}
	if err == nil {
		err = s.queue.load(ctx)
	}
	if err == nil {
		err = s.suspects.load(ctx)
	}
	if err == nil {
		err = s.results.load(ctx)
	}
	switch {
	case err != nil && (s.cfg.Store != nil || s.cfg.Replicas != nil):
		return fmt.Errorf("read the database: %w", err)
	case err != nil:
		return fmt.Errorf("state.db is damaged: %w", err)
	}
	for _, newest := range s.results.last(1) {
		s.queue.past(taskID([]byte(newest)))
	}
	return nil
}

// Handler is the API, with the prefix /api/v1, and /healthz, /readyz, /metrics and
// /fsck beside it. /openapi.json describes it for programs, /docs for people.
func (s *Service) Handler() http.Handler { return s.handler }

// Close stops accepting requests, publishes what waits, and closes the folder.
// If the context ends first, what waits stays queued for the next start, and
// the error says so. Requests that wait for somebody to publish them stay
// queued in any case.
func (s *Service) Close(ctx context.Context) error {
	defer s.events.close()
	return s.close(ctx)
}

func (s *Service) close(ctx context.Context) error {
	if !s.queue.drain() {
		select {
		case <-s.done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("close service: %w", ctx.Err())
		}
	}
	var err error
	select {
	case <-s.done:
		select { // it may have lost its store before
		case <-s.queue.accepted:
			err = s.end(ctx)
		case <-ctx.Done():
			err = fmt.Errorf("close service: %w", ctx.Err())
		}
	case <-ctx.Done():
		s.stop()
		select {
		case <-s.done:
		case <-time.After(closeGrace):
			// The database must not be closed under it.
			go func() { <-s.done; s.store.Close() }()
			return fmt.Errorf("close service: %w: a publication does not end; what waits stays queued, and the folder stays locked until this process ends", ctx.Err())
		}
		if s.queue.hasWork() {
			err = fmt.Errorf("close service: %w: what waits stays queued", ctx.Err())
		}
	}
	return errors.Join(err, s.store.Close())
}

// closeGrace is how long a publication may take to notice that the context of
// [Service.Close] has ended.
const closeGrace = 2 * time.Second
