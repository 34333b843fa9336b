package sharedtest

import (
	"context"
	"sync/atomic"

	"example.org/rstuf/service"
)

// NotLeading are replicas of which, while Now is set, none gets the right to publish.
type NotLeading struct {
	service.Shared
	Now atomic.Bool
}

// Open implements [service.Shared].
func (n *NotLeading) Open(ctx context.Context) (service.Store, error) {
	if n.Now.Load() {
		return nil, service.ErrLocked
	}
	return n.Shared.Open(ctx)
}
