package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// waiting is an accepted request that has not ended.
type waiting struct {
	id       taskID
	kind     kind
	skip     bool
	size     int64
	accepted time.Time
	// running is set while a publication works on it; roles is then the list
	// of roles to publish.
	running atomic.Bool
	roles   atomic.Pointer[[]string]
}

// show tells whoever asks for the task which roles are being published.
func (w *waiting) show(roles []string) { w.roles.Store(&roles) }

// parked tells whether a request waits for somebody else to publish.
func (w *waiting) parked() bool { return w.skip && w.kind != publishArtifacts }

// acceptance is a request on its way to the disk.
type acceptance struct {
	id     taskID
	record record
	sealed []byte // the record as it is stored
	done   chan error
}

var (
	errClosing = errors.New("the service is shutting down")
	errFull    = errors.New("too many requests wait to be published: try again later")
)

// nextID is the id of a new task.
func (s *Service) nextID() taskID { return newTaskID(s.number.Add(1)) }

// accept makes a request durable and queues it. Once it returns nil the
// request survives anything but the loss of the disk.
func (s *Service) accept(ctx context.Context, id taskID, r record) error {
	s.mu.Lock()
	full := s.waitingBytes+int64(len(r)) > s.cfg.MaxWaiting
	if !full {
		s.waitingBytes += int64(len(r))
	}
	s.mu.Unlock()
	if full {
		return errFull
	}
	err := s.store(ctx, &acceptance{id, r, seal(r), make(chan error, 1)})
	if err != nil {
		s.mu.Lock()
		s.waitingBytes -= int64(len(r))
		s.mu.Unlock()
	}
	return err
}

func (s *Service) store(ctx context.Context, a *acceptance) error {
	select {
	case s.incoming <- a:
		return <-a.done
	case <-s.draining:
		return errClosing
	case <-ctx.Done():
		return ctx.Err()
	}
}

// acceptAll writes requests to the queue. Those that come while one write
// waits for the disk share the next.
func (s *Service) acceptAll() {
	defer s.kick()
	defer close(s.accepted)
	for {
		var batch []*acceptance
		select {
		case a := <-s.incoming:
			batch = append(batch, a)
		case <-s.draining:
			return
		}
		for size := len(batch[0].record); size < maxWrite; {
			select {
			case a := <-s.incoming:
				batch = append(batch, a)
				size += len(a.record)
				continue
			default:
			}
			break
		}
		s.acceptBatch(batch)
	}
}

func (s *Service) acceptBatch(batch []*acceptance) {
	err := s.db.commit(func(tx *bolt.Tx) error {
		queue := tx.Bucket(bucketQueue)
		queue.FillPercent = 1 // ids ascend
		for _, a := range batch {
			if err := queue.Put(a.id[:], a.sealed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("the request could not be stored: %w", err)
		s.cfg.Logger.Error("requests refused", "error", err)
	} else {
		s.mu.Lock()
		for _, a := range batch {
			s.enqueue(&waiting{id: a.id, kind: a.record.kind(), skip: a.record.skip(), size: int64(len(a.record)), accepted: s.cfg.Now()})
		}
		s.mu.Unlock()
		s.kick()
	}
	for _, a := range batch {
		a.done <- err
	}
}

// enqueue adds a request to the queue in memory; the caller holds mu.
func (s *Service) enqueue(w *waiting) {
	s.queue = append(s.queue, w)
	s.live[w.id] = w
}

// loadQueue reads what waited when the service ended.
func (s *Service) loadQueue(tx *bolt.Tx) error {
	return tx.Bucket(bucketQueue).ForEach(func(key, value []byte) error {
		r, err := openRecord(value)
		if err != nil || len(key) != len(taskID{}) {
			return cmp.Or(err, errRecord)
		}
		w := &waiting{id: taskID(key), kind: r.kind(), skip: r.skip(), size: int64(len(r)), accepted: s.cfg.Now()}
		s.enqueue(w)
		s.waitingBytes += w.size
		s.bootstrapping = s.bootstrapping || w.kind == bootstrapRepository
		s.number.Store(max(s.number.Load(), w.id.number()))
		return nil
	})
}

// readQueue returns the bodies of requests.
func (s *Service) readQueue(batch []*waiting) ([]string, error) {
	bodies := make([]string, len(batch))
	return bodies, s.db.View(func(tx *bolt.Tx) error {
		queue := tx.Bucket(bucketQueue)
		for i, w := range batch {
			value := queue.Get(w.id[:])
			if value == nil {
				return fmt.Errorf("request %s is missing in the queue", w.id)
			}
			r, err := openRecord(value)
			if err != nil {
				return fmt.Errorf("request %s: %w", w.id, err)
			}
			bodies[i] = string(r.body())
		}
		return nil
	})
}
