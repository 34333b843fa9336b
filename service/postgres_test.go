package service_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
	"example.org/rstuf/service/postgres"
)

// postgresPool is of the database that the flag -postgres gives to the tests; nil without.
var postgresPool *pgxpool.Pool

func init() {
	flag.Func("postgres", "`ADDRESS` of a database for tests of the service to run over, in place of state.db and of where replicas meet in memory", func(address string) (err error) {
		if postgresPool, err = pgxpool.New(context.Background(), address); err != nil {
			return err
		}
		service.StoreOfTests, service.SharedOfTests = storeOf, newShared
		return nil
	})
}

// storeOf is Config.Store for a folder: a schema of its own.
func storeOf(dir string) func(context.Context) (service.Store, error) {
	return func(ctx context.Context) (service.Store, error) {
		sum := fnv.New64a()
		sum.Write([]byte(dir))
		db, err := postgres.New(postgresPool, postgres.Config{Schema: fmt.Sprintf("service_%x", sum.Sum64())})
		if err != nil {
			return nil, err
		}
		return db.Open(ctx)
	}
}

var errAway = errors.New("the database is away")

// shared is where the replicas of one test meet: a schema of its own, and a pool that
// can be cut off.
type shared struct {
	*postgres.Database
	t      *testing.T
	schema string
	direct *pgxpool.Pool
	pool   *pgxpool.Pool
	away   atomic.Bool
	lose   atomic.Bool
}

func newShared(t *testing.T) service.FaultyShared {
	s := &shared{t: t, direct: postgresPool, schema: fmt.Sprintf("shared_%d", time.Now().UnixNano())}
	cfg := s.direct.Config()
	cfg.ConnConfig.RuntimeParams["application_name"] = s.schema
	cfg.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
		if s.away.Load() {
			return errAway
		}
		return nil
	}
	var err error
	s.pool, err = pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(s.pool.Close)
	s.Database, err = postgres.New(s.pool, postgres.Config{Schema: s.schema, Lease: lease})
	require.NoError(t, err)
	return s
}

func (s *shared) execute(text string, args ...any) {
	_, err := s.direct.Exec(s.t.Context(), text, args...)
	require.NoError(s.t, err)
}

// lease is long enough for a machine that does other work too.
const lease = 5 * time.Second

// Depose ends the lease and gives it another epoch, of which its holder learns when it
// commits or renews it, and the others when they look. If it is to know at once, its
// renewal is waited for.
func (s *shared) Depose(while time.Duration) {
	s.execute("update " + pgx.Identifier{s.schema, "rstuf_lease"}.Sanitize() + " set epoch = epoch + 1, ends = '-infinity'")
	if while == 0 {
		time.Sleep(lease/3 + time.Second/2)
	}
}

// SetAway closes all connections and lets none be made.
func (s *shared) SetAway(away bool) {
	s.away.Store(away)
	if away {
		s.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", s.schema)
		s.pool.Reset() // what is idle would say so once
	}
}

// LoseAnswer has one acceptance end as one does of which nobody knows.
func (s *shared) LoseAnswer() { s.lose.Store(true) }

func (s *shared) Join(ctx context.Context) (service.Joined, error) {
	joined, err := s.Database.Join(ctx)
	return forgetful{joined, s}, err
}

type forgetful struct {
	service.Joined
	*shared
}

func (f forgetful) Accept(ctx context.Context, entries []service.Change) error {
	if err := f.Joined.Accept(ctx, entries); err != nil || !f.lose.CompareAndSwap(true, false) {
		return err
	}
	return service.ErrLost
}

func (f forgetful) Err() error { return f.Joined.(service.Failing).Err() }
