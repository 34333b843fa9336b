package service_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// openShared counts what is open, and lets nobody do what it is told not to.
type openShared struct {
	service.Shared
	open                      atomic.Int64
	locked, join, begin, view error
}

var errRefused = errors.New("refused by the test")

func (s *openShared) Open(ctx context.Context) (service.Store, error) {
	if s.begin != nil || s.locked != nil {
		return nil, errors.Join(s.begin, s.locked)
	}
	store, err := s.Shared.Open(ctx)
	if err != nil {
		return nil, err
	}
	s.open.Add(1)
	return &openStore{Store: store, shared: s}, nil
}

func (s *openShared) Join(ctx context.Context) (service.Joined, error) {
	if s.join != nil {
		return nil, s.join
	}
	joined, err := s.Shared.Join(ctx)
	if err != nil {
		return nil, err
	}
	s.open.Add(1)
	return &openJoined{Joined: joined, shared: s}, nil
}

type openStore struct {
	service.Store
	shared *openShared
}

func (o *openStore) Close() error {
	o.shared.open.Add(-1)
	return o.Store.Close()
}

type openJoined struct {
	service.Joined
	shared *openShared
}

func (o *openJoined) View(ctx context.Context, tables []service.Table, f func(service.Table, string, []byte) error) (string, error) {
	if o.shared.view != nil {
		return "", o.shared.view
	}
	return o.Joined.View(ctx, tables, f)
}

func (o *openJoined) Close() error {
	o.shared.open.Add(-1)
	return o.Joined.Close()
}

// A replica that can't start says why, whether it would publish or follow, and keeps
// nothing open: others may publish at once.
func TestReplicaThatCannotStart(t *testing.T) {
	t.Parallel()
	shared := &openShared{}
	g := newGroup(t, 1, func(c *service.Config) { shared.Shared, c.Replicas = c.Replicas, shared })
	m := g.members[0]
	m.bootstrap(func(p *ceremony.Policy) { p.OnlineKey = m.online.Public().WithOnlineURI("file2:/online") })
	require.NoError(t, m.replica.Close(context.Background()))
	require.Zero(t, shared.open.Load())
	for name, test := range map[string]struct {
		change func(*service.Config)
		want   string
	}{
		"nowhere to meet":    {func(c *service.Config) { c.Replicas = nil }, "Config.Replicas says where"},
		"a store beside":     {func(c *service.Config) { c.Store = c.Replicas.Open }, "Config.Store is not for them"},
		"no folder":          {func(c *service.Config) { c.Dir = "" }, "Config.Dir is empty"},
		"no such endpoint":   {func(c *service.Config) { c.DisabledEndpoints = []string{"GET /nothing"} }, "Config.DisabledEndpoints"},
		"no key":             {func(c *service.Config) { c.OnlineKeys = []keys.Signer{nil} }, "Config.OnlineKeys[0] is nil"},
		"a key not allowed":  {func(c *service.Config) { c.OnlineKeys = nil }, "--key-scheme file2"},
		"not let in":         {func(*service.Config) { shared.join = errRefused }, errRefused.Error()},
		"nothing to be read": {func(*service.Config) { shared.view = errRefused }, errRefused.Error()},
	} {
		for _, locked := range []error{nil, service.ErrLocked} {
			t.Run(name, func(t *testing.T) {
				cfg := m.cfg
				shared.locked = locked
				test.change(&cfg)
				_, err := service.OpenReplica(t.Context(), cfg)
				shared.locked, shared.join, shared.view = nil, nil, nil
				require.ErrorContains(t, err, test.want)
				assert.Zero(t, shared.open.Load())
			})
		}
	}
	shared.begin = errRefused
	_, err := service.OpenReplica(t.Context(), m.cfg)
	shared.begin = nil
	require.ErrorIs(t, err, errRefused)
	assert.Zero(t, shared.open.Load())

	store := must(shared.Open(t.Context()))
	damaged := service.Change{Table: "queue", Key: "no request", Value: []byte{}}
	require.NoError(t, store.Commit(t.Context(), []service.Change{damaged}))
	require.NoError(t, store.Close())
	_, err = service.OpenReplica(t.Context(), m.cfg)
	require.ErrorContains(t, err, "read the database")
	assert.Zero(t, shared.open.Load())

	store = must(shared.Open(t.Context()))
	damaged.Value = nil
	require.NoError(t, store.Commit(t.Context(), []service.Change{damaged}))
	require.NoError(t, store.Close())
	m.start()
	assert.True(t, m.replica.Status().Leads)
	m.ok(m.post("/artifacts/", adding("a")))
}
