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

// take makes this the service that publishes, unless another one is.
func (s *store) take(ctx context.Context) error {
	host, _ := os.Hostname()
	who := fmt.Sprintf("process %d on host %s", os.Getpid(), cmp.Or(host, "(unknown)"))
	// A holder whose commit is under way, or that is cut off in the middle of one, has the row locked.
	return pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select set_config('lock_timeout', '10s', true)"); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `update `+s.lease+` set epoch = epoch + 1, holder = $1, since = clock_timestamp(), ends = clock_timestamp() + $2::interval
			where ends <= clock_timestamp() returning epoch, writes`, who, s.db.lease).Scan(&s.epoch, &s.writes)
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		var holder string
		var since time.Time
		var left time.Duration
		err = tx.QueryRow(ctx, `select holder, since, ends - clock_timestamp() from `+s.lease).Scan(&holder, &since, &left)
		if err != nil {
			return err
		}
		return fmt.Errorf("%w by %s since %s: stop that service; if it has died, its lease ends in %s", service.ErrLocked,
			holder, since.UTC().Format(time.RFC3339), max(left, 0).Round(100*time.Millisecond))
	})
}

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
		ctx, cancel := context.WithTimeout(s.ctx, max(s.db.lease, time.Second))
		_, err := s.renew(ctx)
		cancel()
		if err == nil {
			s.unwell.Store(nil)
		} else if s.ctx.Err() == nil {
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
	err = s.db.pool.QueryRow(ctx, `update `+s.lease+` set ends = clock_timestamp() + $2::interval where epoch = $1 returning writes`,
		s.epoch, s.db.lease).Scan(&writes)
	if errors.Is(err, pgx.ErrNoRows) {
		_, err = s.gone(ctx)
	}
	return writes, err
}

// gone says why the lease has another epoch than ours, unless that can't be asked.
func (s *store) gone(ctx context.Context) (known bool, err error) {
	var epoch int64
	if err := s.db.pool.QueryRow(ctx, `select epoch from `+s.lease).Scan(&epoch); err != nil {
		return false, err
	}
	if epoch < s.epoch {
		return true, s.fail(ErrBack)
	}
	return true, s.fail(ErrLost)
}

// release ends the lease at once.
func (s *store) release(ctx context.Context) error {
	_, err := s.db.pool.Exec(ctx, `update `+s.lease+` set ends = '-infinity' where epoch = $1`, s.epoch)
	return err
}
