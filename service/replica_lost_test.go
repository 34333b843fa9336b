package service_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf/service"
)

// What was accepted is acknowledged, also if the database can't be read for a while
// right after it: it will be published.
func TestAcceptedWhileTheDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	away := &awayShared{}
	g := newGroup(t, 1, func(c *service.Config) { away.Shared, c.Replicas = c.Replicas, away })
	m := g.members[0]
	m.bootstrap()
	away.after.Store(3)
	m.ok(m.post("/artifacts/", adding("a")))
	assert.Negative(t, away.left.Load(), "it was asked until it answered")
	m.holdsAll("a")
}

// awayShared gives no values for a while after something was accepted.
type awayShared struct {
	service.Shared
	after, left atomic.Int64 // questions
}

func (s *awayShared) Join(ctx context.Context) (service.Joined, error) {
	joined, err := s.Shared.Join(ctx)
	return awayJoined{joined, s}, err
}

type awayJoined struct {
	service.Joined
	shared *awayShared
}

func (j awayJoined) Accept(ctx context.Context, entries []service.Change) error {
	err := j.Joined.Accept(ctx, entries)
	j.shared.left.Store(j.shared.after.Swap(0))
	return err
}

func (j awayJoined) Get(ctx context.Context, table service.Table, keys []string, f func(string, []byte) error) error {
	if j.shared.left.Add(-1) >= 0 {
		return errors.New("connection reset by peer")
	}
	return j.Joined.Get(ctx, table, keys, f)
}
