package rstuftest

import (
	"fmt"
	"time"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// Option changes the repository that [New] makes.
type Option func(*options)

type options struct {
	rootKeys    []keys.Type
	threshold   int
	online      keys.Type
	roles       []offlineRole
	policy      func(*ceremony.Policy)
	config      func(*service.Config)
	now         func() time.Time
	artifacts   int
	noBootstrap bool
}

// offlineRole is a delegated role and the names of its people.
type offlineRole struct {
	ceremony.Role
	people []string
}

func newOptions(list []Option) options {
	o := options{
		rootKeys: []keys.Type{keys.Ed25519, keys.Ed25519}, threshold: 2, online: keys.Ed25519,
		policy: func(*ceremony.Policy) {}, config: func(*service.Config) {},
	}
	for _, option := range list {
		option(&o)
	}
	return o
}

// WithRootKeys has root keys of these types, of which as many as the threshold
// must sign; [Repository.RootKeys] has them in this order.
func WithRootKeys(threshold int, types ...keys.Type) Option {
	return func(o *options) { o.threshold, o.rootKeys = threshold, types }
}

// WithOnlineKey has an online key of this type.
func WithOnlineKey(online keys.Type) Option { return func(o *options) { o.online = online } }

// WithRole adds a delegated role, in place of hash bins. The people named get a
// key each ([Repository.Keys]) and sign the role, all of them unless its
// Threshold says fewer; without any the online key does. Days is 30 by default.
// A role of people has no version before they have signed: see
// [Repository.Sign].
func WithRole(role ceremony.Role, people ...string) Option {
	return func(o *options) { o.roles = append(o.roles, offlineRole{role, people}) }
}

// WithArtifacts publishes so many artifacts; [ArtifactPath] and
// [ArtifactContent] say which.
func WithArtifacts(count int) Option { return func(o *options) { o.artifacts = count } }

// ArtifactPath is the path of artifact i of [WithArtifacts].
func ArtifactPath(i int) string { return fmt.Sprintf("artifacts/%05d", i) }

// ArtifactContent is its content.
func ArtifactContent(i int) []byte { return fmt.Appendf(nil, "artifact %d\n", i) }

// WithFirstGeneration has the root and the payload in the form of RSTUF's first
// releases (2023), with the key ids of that time.
func WithFirstGeneration() Option {
	return func(o *options) {
		before := o.policy
		o.policy = func(p *ceremony.Policy) {
			p.FirstGeneration, p.TargetsBaseURL = true, "http://files.rstuf.test/artifacts/"
			before(p)
		}
	}
}

// WithPolicy changes the policy of the ceremony, such as the number of hash
// bins (4 unless changed) or the lives of roles.
func WithPolicy(change func(*ceremony.Policy)) Option {
	return func(o *options) {
		before := o.policy
		o.policy = func(p *ceremony.Policy) { before(p); change(p) }
	}
}

// WithConfig changes the configuration of the service. For its clock see
// [WithClock].
func WithConfig(change func(*service.Config)) Option {
	return func(o *options) {
		before := o.config
		o.config = func(c *service.Config) { before(c); change(c) }
	}
}

// WithClock has another clock than the system's for the ceremony, the service
// and the readers of [Repository.Reader]; [Repository.Now] reads it. The service
// looks at it often, so that roles are signed anew soon after it was set. Package
// client has no dates of its own, and its pauses are those of the system. In a
// testing/synctest bubble the clock of the bubble is everybody's, and this option
// is not needed.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// WithoutBootstrap leaves the bootstrap to the test: [Repository.Draft] is
// signed and its payload is ready to be sent.
func WithoutBootstrap() Option { return func(o *options) { o.noBootstrap = true } }
