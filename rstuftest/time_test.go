package rstuftest_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

const day = 24 * time.Hour

// TestYear lets 400 days pass in a bubble: roles are signed anew before they end,
// so that a client finds them valid each day, until root itself has expired.
func TestYear(t *testing.T) {
	begun := time.Now() // outside, where the clock is real
	synctest.Test(t, func(t *testing.T) {
		repo := rstuftest.New(t)
		repo.Publish(t, "pkg/a", []byte("a"))
		reader := repo.Reader(t)
		for today := range 400 {
			err := reader.Refresh(t.Context())
			if today >= 365 {
				require.ErrorIs(t, err, repository.ErrExpired, "day %d", today)
				require.ErrorContains(t, err, "root")
			} else {
				require.NoError(t, err, "day %d", today)
				_, err = reader.Info(t.Context(), "pkg/a")
				require.NoError(t, err, "day %d", today)
			}
			time.Sleep(day)
		}
		versions := repo.State(t).Versions
		for _, role := range []string{"timestamp", "snapshot", "bins-0", "bins-1", "bins-2", "bins-3"} {
			assert.InDelta(t, 400*24/23, versions[role], 10, "%s is signed anew an hour before its end", role)
		}
	})
	t.Logf("400 days took %s", time.Since(begun).Round(10*time.Millisecond))
}

// TestYearWithBot has a bot renew root before its end.
func TestYearWithBot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		repo := rstuftest.New(t)
		go func() {
			daily := time.NewTicker(day)
			defer daily.Stop()
			for {
				select {
				case <-daily.C:
					if err := renew(t, repo); err != nil {
						t.Error(err)
					}
				case <-t.Context().Done():
					return
				}
			}
		}()
		time.Sleep(time.Hour) // so that the bot and the client do not meet
		reader := repo.Reader(t)
		for today := range 400 {
			require.NoError(t, reader.Refresh(t.Context()), "day %d", today)
			time.Sleep(day)
		}
		roots, err := reader.Roots(t.Context())
		require.NoError(t, err)
		assert.Len(t, roots, 2, "renewed once")
	})
}

// renew has the root keys sign the next root if the current one ends within a
// month.
func renew(t *testing.T, repo *rstuftest.Repository) error {
	root, err := metadata.Parse(repo.Root(t))
	if err != nil || time.Until(root.Expires()) > 30*day {
		return err
	}
	next, err := ceremony.Next(t.Context(), root, ceremony.Change{Days: 365})
	if err != nil {
		return err
	}
	for _, key := range repo.RootKeys {
		if err := next.Sign(t.Context(), key); err != nil {
			return err
		}
	}
	task, err := repo.Client.UpdateMetadata(t.Context(), next.Document().Bytes())
	if err != nil {
		return err
	}
	_, err = task.Wait(t.Context())
	return err
}

// TestClock sets the clock of a repository outside a bubble: its people, its
// service and its readers follow.
func TestClock(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[time.Time]
	set := func(at time.Time) { now.Store(&at) }
	begin := time.Date(2041, 5, 6, 7, 8, 9, 0, time.UTC)
	set(begin)
	repo := rstuftest.New(t, rstuftest.WithClock(func() time.Time { return *now.Load() }))
	root, err := metadata.Parse(repo.RootJSON)
	require.NoError(t, err)
	assert.Equal(t, begin.AddDate(1, 0, 0), root.Expires(), "the ceremony's date")
	repo.Publish(t, "pkg/a", []byte("a"))
	reader := repo.Reader(t)
	require.NoError(t, reader.Refresh(t.Context()))
	before := repo.Service.Status().Expires
	assert.Equal(t, begin.AddDate(0, 0, 1), before, "the service's dates")

	set(begin.AddDate(0, 0, 30))
	assert.Equal(t, begin.AddDate(0, 0, 30), repo.Now())
	_, err = reader.Info(t.Context(), "pkg/a")
	require.ErrorIs(t, err, repository.ErrExpired, "the reader's clock")
	require.Eventually(t, func() bool { return reader.Refresh(t.Context()) == nil }, 10*time.Second, 5*time.Millisecond)
	_, err = reader.Info(t.Context(), "pkg/a")
	require.NoError(t, err)

	set(begin.AddDate(1, 0, 1))
	require.ErrorContains(t, reader.Refresh(t.Context()), "root")
}
