package service_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/sharedtest"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// waitShared has who waits be told by a test alone.
type waitShared struct {
	service.Shared
	wait func(context.Context) error
}

func (s waitShared) Join(ctx context.Context) (service.Joined, error) {
	joined, err := s.Shared.Join(ctx)
	return waitJoined{joined, s.wait}, err
}

type waitJoined struct {
	service.Joined
	wait func(context.Context) error
}

func (j waitJoined) Wait(ctx context.Context) error { return j.wait(ctx) }

// What the one that publishes has accepted itself it need not be told of.
func TestReplicaPublishesWhatItAccepts(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		g := newGroup(t, 1, func(c *service.Config) {
			c.Replicas = waitShared{c.Replicas, func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			}}
		})
		g.members[0].bootstrap()
		g.members[0].ok(g.members[0].post("/artifacts/", adding("a")))
	})
}

// A replica that can't wait for others does not ask all the time.
func TestReplicaCannotWait(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		var waited atomic.Int64
		newGroup(t, 1, func(c *service.Config) {
			c.Replicas = waitShared{c.Replicas, func(ctx context.Context) error {
				if waited.Add(1) > 200 {
					<-ctx.Done()
				}
				return errRefused
			}}
		})
		time.Sleep(5 * time.Second)
		assert.LessOrEqual(t, waited.Load(), int64(51))
	})
}

// The one that publishes does not let others try while it can't reach the database: they
// can't either.
func TestALeaderGoesOnWithoutDatabase(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		g, shared := newTried(t, 1)
		m, away := g.members[0], g.shared.(*sharedtest.Shared)
		reached, goOn := m.files.hold(".snapshot.json")
		id := m.post("/artifacts/", adding("a"))
		<-reached
		away.SetAway(true)
		close(goOn)
		assert.Zero(t, shared.tried(time.Minute))
		away.SetAway(false)
		m.ok(id)
		assert.Zero(t, shared.tried(time.Minute))
	})
}

// One from which the right to publish was taken tries again at once, if nobody else does.
func TestADeposedReplicaTriesAtOnce(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		g, shared := newTried(t, 1)
		g.shared.Depose(0)
		assert.Equal(t, 1, shared.tried(time.Second/2))
		assert.True(t, g.members[0].replica.Status().Leads)
	})
}

// keyOnTrial is an opener of an online key, which counts how often it is asked.
type keyOnTrial struct {
	asked atomic.Int64
	err   atomic.Pointer[error]
	key   keys.Signer
}

func (k *keyOnTrial) open(ctx context.Context, _ string, _ keys.URIConfig) (keys.Signer, error) {
	k.asked.Add(1)
	if err := k.err.Load(); err != nil && *err == nil {
		<-ctx.Done() // no answer
		return nil, ctx.Err()
	} else if err != nil {
		return nil, *err
	}
	return k.key, nil
}

func (k *keyOnTrial) refuse(err error) { k.err.Store(&err) }

// tried is how often it is asked within a time.
func (k *keyOnTrial) tried(within time.Duration) int {
	before := k.asked.Load()
	time.Sleep(within)
	return int(k.asked.Load() - before)
}

// A replica tries an online key that it can't open ever more seldom, up to twice a minute,
// and the next one soon. It says once why, and that it can publish again.
func TestHowOftenAnOnlineKeyIsTried(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		second, third, log := tuftest.Key(t, "online2"), tuftest.Key(t, "online3"), &lines{}
		g := newGroup(t, 2, func(c *service.Config) {
			c.BumpEvery = time.Hour // in virtual time that is often enough
			c.OnlineKeys = append(c.OnlineKeys, second, third)
		})
		a, b := g.members[0], g.members[1]
		a.bootstrap()
		require.NoError(t, b.replica.Close(context.Background()))
		trial := &keyOnTrial{key: second}
		b.cfg.OnlineKeys, b.cfg.Logger = b.cfg.OnlineKeys[:1], slog.New(slog.NewTextHandler(log, nil))
		b.cfg.Keys = keys.URIConfig{Openers: map[string]keys.URIOpener{"trial": trial.open}}
		b.start()
		says := func(line string) int { return strings.Count(log.String(), line) }
		rotate := func(key keys.Public) {
			b.ok(b.update(b.nextRoot(func(r *metadata.Root) {
				setOnline(r, key)
				r.Keys[key.ID()] = key.WithOnlineURI("trial:key").Key()
			}, b.alice, b.bob)))
		}
		const cannot, again = "this replica can't publish, it will be tried again", "this replica can publish again"
		trial.refuse(errors.New("no such key"))
		rotate(second.Public())
		assert.InDelta(t, 4+120, trial.tried(time.Hour), 3)
		assert.Equal(t, 1, says(cannot))
		trial.refuse(errors.New("this machine may not use it"))
		time.Sleep(time.Minute)
		assert.Equal(t, 2, says(cannot), "there is another reason")
		trial.err.Store(nil)
		time.Sleep(time.Minute)
		assert.NoError(t, b.replica.Status().Paused)
		assert.Equal(t, 1, says(again))

		trial.refuse(errors.New("no such key"))
		rotate(third.Public())
		assert.GreaterOrEqual(t, trial.tried(10*time.Second), 3, "soon, though the one before took long")
		trial.refuse(nil)
		time.Sleep(time.Minute) // in which it is asked
		before := says(cannot)
		require.NoError(t, b.replica.Close(context.Background()))
		assert.Equal(t, before, says(cannot), "that it ends is no reason")
	})
}
