package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/rstuf/service"
)

var (
	// ErrLost is the error of a service that was paused, or cut off, until another
	// one took over. It is service.ErrLost too.
	ErrLost = fmt.Errorf("another service has taken over the repository: %w", service.ErrLost)
	// ErrBack is the error of a database that is not as this service left it. Its
	// next start compares it with the files. It is service.ErrLost too.
	ErrBack = fmt.Errorf("the database is not as this service left it, as after a restore or a failover that lost commits: %w and start it again", service.ErrLost)
)

// whoami names this process to people.
func whoami() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("process %d on host %s", os.Getpid(), cmp.Or(host, "(unknown)"))
}

// take makes this the service that publishes, unless another one is. It waits for
// nobody: a lease whose row is locked is that of a service whose commit is under way.
func (s *store) take(ctx context.Context) error {
	for ended := false; ; ended = true {
		var epoch, writes *int64
		var holder string
		var since time.Time
		var left time.Duration
		err := s.db.one(ctx, []any{&epoch, &writes, &holder, &since, &left}, `with free as (
			select one from `+s.row+` where ends <= clock_timestamp() for update skip locked
		), taken as (
			update `+s.row+` r set epoch = epoch + 1, holder = $1, since = clock_timestamp(), ends = clock_timestamp() + $2::interval
			from free where r.one = free.one returning epoch, writes
		) select t.epoch, t.writes, r.holder, r.since, greatest(r.ends, clock_timestamp()) - clock_timestamp() from `+s.row+` r left join taken t on true`,
			whoami(), s.db.lease)
		switch {
		case err != nil:
			return err
		case epoch != nil:
			s.id, s.writes = *epoch, *writes
			return nil
		case left > 0 || ended:
			return fmt.Errorf("%w by %s since %s: stop that service; if it has died, its lease ends in %s", service.ErrLocked,
				holder, since.UTC().Format(time.RFC3339), max(left, 0).Round(100*time.Millisecond))
		}
		if err := s.db.endStuck(ctx, s.row); err != nil {
			return err
		}
		time.Sleep(stuckPause) // until the session has ended
	}
}

// stuckPause is for how long to wait for a lease that has ended and is locked.
const stuckPause = 50 * time.Millisecond

// renewAll renews the lease until the store is closed. What fails is tried again:
// whether the lease is still there is decided by each commit.
func (s *store) renewAll() {
	defer close(s.renewed)
	ticker := time.NewTicker(s.db.lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(s.ctx, s.db.patience())
		_, err := s.renew(ctx)
		cancel()
		if err == nil {
			s.unwell.Store(nil)
		} else if s.ctx.Err() == nil {
			s.db.distrust(err)
			s.unwell.Store(&err)
		}
		if s.failed.Load() != nil {
			return
		}
	}
}

// renew gives the lease another end, also if it has ended and nobody has taken it.
// It returns the count of commits.
func (s *store) renew(ctx context.Context) (writes int64, err error) {
	err = s.db.pool.QueryRow(ctx, `update `+s.row+` set ends = clock_timestamp() + $2::interval where epoch = $1 returning writes`,
		s.id, s.db.lease).Scan(&writes)
	if errors.Is(err, pgx.ErrNoRows) {
		_, err = s.gone(ctx)
	}
	return writes, err
}

// gone says why the lease has another epoch than ours, unless that can't be asked.
func (s *store) gone(ctx context.Context) (known bool, err error) {
	var epoch int64
	if err := s.db.pool.QueryRow(ctx, `select epoch from `+s.row).Scan(&epoch); err != nil {
		return false, err
	}
	if epoch < s.id {
		return true, s.fail(ErrBack)
	}
	return true, s.fail(ErrLost)
}

// release ends the lease at once.
func (s *store) release(ctx context.Context) error {
	_, err := s.db.pool.Exec(ctx, `with mine as (update `+s.row+` set ends = '-infinity' where epoch = $1 returning 1)
		select pg_notify($2, '') from mine`, s.id, s.db.channel)
	return err
}
