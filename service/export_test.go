package service

import (
	"context"
	"testing"
	"time"

	"example.org/rstuf/internal/durable"
)

// Replaced is how many files are known to be replaced.
func (s *Service) Replaced() int {
	known, err := s.replaced(context.Background())
	if err != nil {
		return -1
	}
	return len(known)
}

// Ended tells whether the half that publishes has ended.
func (r *Replica) Ended() bool { return r.leading() == nil }

// Front is the half of a replica that accepts and answers.
func (r *Replica) Front() *Service { return r.front }

// OpenDatabase opens the file state.db in a folder.
func OpenDatabase(dir string) (Store, error) { return openDatabase(dir, &durable.Disk{Unsafe: true}) }

// StoreOfTests, if it is set, has the tests of the service run over another store
// than state.db: it gives Config.Store for a folder. See .ci/interop-postgres.
var StoreOfTests func(dir string) func(context.Context) (Store, error)

// StoreFor is Config.Store for a test's folder.
func StoreFor(dir string) func(context.Context) (Store, error) {
	if StoreOfTests == nil {
		return nil
	}
	return StoreOfTests(dir)
}

// FaultyShared is a [Shared] with faults for tests, as package sharedtest has one.
type FaultyShared interface {
	Shared
	Depose(while time.Duration)
	SetAway(away bool)
	LoseAnswer()
}

// SharedOfTests, if it is set, is where the replicas of a test meet.
var SharedOfTests func(t *testing.T) FaultyShared

// stepping is a [Store] whose commits are durable steps.
type stepping struct {
	Store
	disk *durable.Disk
}

func (s stepping) Commit(ctx context.Context, list []Change) error {
	return s.disk.Do("commit", func() error { return s.Store.Commit(ctx, list) })
}

// steppingStore is StoreFor for a test that crashes at steps.
func steppingStore(dir string, disk *durable.Disk) func(context.Context) (Store, error) {
	open := StoreFor(dir)
	if open == nil {
		return nil
	}
	return func(ctx context.Context) (Store, error) {
		store, err := open(ctx)
		return stepping{store, disk}, err
	}
}
