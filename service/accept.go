package service

import (
	"context"
	"errors"
)

// acceptance is a request on its way to the disk.
type acceptance struct {
	id     taskID
	record record
	cost   int64
	sealed []byte // the record as it is stored
	done   chan error
}

var (
	errClosing = errors.New("the service is shutting down")
	errTooMany = errors.New("the request has too many artifacts for one publication: send it in parts")
	errFull    = errors.New("too many requests wait to be published: try again later")
)

// nextID is the id of a new task.
func (q *queue) nextID() taskID { return newTaskID(q.number.Add(1)) }

// newID is the id of a task that somebody asks for now: it sorts behind those of all
// requests that were acknowledged before, by whichever replica.
func (q *queue) newID(ctx context.Context) (taskID, error) {
	if q.joined == nil {
		return q.nextID(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	number, err := q.joined.Number(ctx)
	return newTaskID(number), err
}

// accept makes a request durable and queues it. Once it returns nil the
// request survives anything but the loss of the disk.
func (q *queue) accept(ctx context.Context, id taskID, r record) error {
	cost := r.cost()
	switch {
	case cost > maxBatch:
		return errTooMany
	case !q.reserve(cost):
		return errFull
	}
	err := q.send(ctx, &acceptance{id, r, cost, seal(r), make(chan error, 1)})
	if err != nil {
		q.release(cost)
	}
	return err
}

// reserve takes room for a request; it returns false if there is none.
func (q *queue) reserve(size int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+size > q.most {
		return false
	}
	q.bytes += size
	return true
}

func (q *queue) release(size int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= size
}

func (q *queue) send(ctx context.Context, a *acceptance) error {
	select {
	case q.incoming <- a:
		return <-a.done
	case <-q.draining:
		return errClosing
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run writes requests to the queue. Those that come while one write
// waits for the disk share the next.
func (q *queue) run() {
	defer q.kick()
	defer close(q.accepted)
	for {
		var batch []*acceptance
		select {
		case a := <-q.incoming:
			batch = append(batch, a)
		case <-q.draining:
			return
		}
		for size := len(batch[0].record); size < maxWrite; {
			select {
			case a := <-q.incoming:
				batch = append(batch, a)
				size += len(a.record)
				continue
			default:
			}
			break
		}
		q.write(batch)
	}
}

func (q *queue) write(batch []*acceptance) {
	var c changes
	for _, a := range batch {
		c.put(tableQueue, a.id.key(), a.sealed)
	}
	err := q.store.Commit(context.Background(), c)
	if err != nil {
		err = notStored{err}
	} else {
		q.mu.Lock()
		for _, a := range batch {
			if q.live[a.id] != nil { // a replica has met it already
				q.bytes -= a.cost
				continue
			}
			q.add(&waiting{id: a.id, kind: a.record.kind(), skip: a.record.skip(), size: a.cost, accepted: q.now()})
		}
		q.mu.Unlock()
		q.kick()
	}
	for _, a := range batch {
		a.done <- err
	}
}
