package rstuftest

import (
	"time"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/service"
)

// Option changes the repository that [New] makes.
type Option func(*options)

type options struct {
	policy      func(*ceremony.Policy)
	config      func(*service.Config)
	now         func() time.Time
	noBootstrap bool
}

// WithPolicy changes the policy of the ceremony, such as the number of hash
// bins (4 unless changed) or custom delegations.
func WithPolicy(change func(*ceremony.Policy)) Option {
	return func(o *options) { o.policy = change }
}

// WithConfig changes the configuration of the service. For its clock see
// [WithClock].
func WithConfig(change func(*service.Config)) Option {
	return func(o *options) { o.config = change }
}

// WithClock has another clock than the system's for the ceremony, the service
// and the readers of [Repository.Reader]; [Repository.Now] reads it. The service
// looks at it often, so that roles are signed anew soon after it was set. Package
// client has no dates of its own, and its pauses are those of the system. In a
// testing/synctest bubble the clock of the bubble is everybody's, and this option
// is not needed.
func WithClock(now func() time.Time) Option {
	return func(o *options) { o.now = now }
}

// WithoutBootstrap leaves the bootstrap to the test: [Repository.Draft] is
// signed and its payload is ready to be sent.
func WithoutBootstrap() Option {
	return func(o *options) { o.noBootstrap = true }
}
