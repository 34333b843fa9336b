package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	lease = 500 * time.Millisecond
	// takeover is how long it may take, beside the lease, until another replica
	// has published.
	takeover = 5 * time.Second
	// atOnce is how much is broken at a time.
	atOnce = 2
)

// replicas are several processes of the command that share a database and a bucket.
// While requests are sent to any of them, one after another is broken and mended.
type replicas struct {
	*soak
	options
	list       []*replica
	restarting sync.Mutex // the database

	guard  sync.Mutex // of what follows
	asked  []*replica // who is asked
	dice   *rand.Rand
	counts map[string]int // of what was broken
	faults int
	took   []time.Duration // until another one had published
}

func newReplicas(o options) *replicas {
	s := &replicas{soak: newSoak(o.seed), options: o, dice: rand.New(rand.NewPCG(o.seed, 2)), counts: map[string]int{}}
	s.late = true
	s.ask = func() string {
		s.guard.Lock()
		defer s.guard.Unlock()
		return s.asked[s.dice.IntN(len(s.asked))].api()
	}
	return s
}

// count counts what was broken.
func (s *replicas) count(what string) {
	s.guard.Lock()
	defer s.guard.Unlock()
	s.counts[what]++
}

func (s *replicas) askThose(list []*replica) {
	s.guard.Lock()
	defer s.guard.Unlock()
	s.asked = list
}

func (s *replicas) run(ctx context.Context) error {
	for half, name := range halves {
		if err := s.half(ctx, name, half); err != nil {
			return fmt.Errorf("%s, after %d faults: %w", name, s.faults, err)
		}
	}
	return nil
}

func (s *replicas) half(ctx context.Context, name string, half int) error {
	dir := filepath.Join(s.dir, name)
	if err := s.begin(dir, half == 1, filepath.Join(s.objects, s.bucket, name)); err != nil {
		return err
	}
	s.list = nil
	defer func() {
		for _, r := range s.list {
			r.close()
		}
	}()
	for number := range s.replicas {
		r, err := s.newReplica(dir, name, number)
		if err != nil {
			return err
		}
		s.list = append(s.list, r)
		if err := r.start(); err != nil {
			return err
		}
	}
	for s.faults < (half+1)*s.most/2 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.episode(); err != nil {
			return err
		}
	}
	return s.settle()
}

// newReplica makes a replica that does not run yet.
func (s *replicas) newReplica(dir, name string, number int) (*replica, error) {
	address, err := url.Parse(s.database)
	if err != nil {
		return nil, err
	}
	store, err := url.Parse(s.store)
	if err != nil {
		return nil, err
	}
	r := &replica{number: number, wrong: s.violated}
	if r.database, err = newProxy(address.Host); err != nil {
		return nil, err
	}
	if r.bucket, err = newProxy(store.Host); err != nil {
		return nil, err
	}
	if r.log, err = os.OpenFile(logName(dir, number), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	address.Host = r.database.address()
	file := filepath.Join(dir, fmt.Sprintf("database-%d", number))
	if err := os.WriteFile(file, []byte(address.String()), 0o600); err != nil {
		return nil, err
	}
	r.env = append(os.Environ(), "AWS_ENDPOINT_URL_S3=http://"+r.bucket.address())
	r.args = []string{s.command, "serve", "--json", "--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0",
		"--dir", filepath.Join(dir, fmt.Sprintf("replica-%d", number)), "--key-dir", filepath.Join(dir, "keys"),
		"--database", file, "--schema", name, "--bucket", "s3://" + s.bucket + "/" + name,
		"--lease", lease.String(), "--keep-versions", "5s"}
	return r, nil
}

// settle waits until all is well, and accounts for everything.
func (s *replicas) settle() error {
	s.askThose(s.list)
	for _, r := range s.list {
		if err := r.ready(); err != nil {
			return err
		}
	}
	// What was given up may still be on its way.
	s.http.CloseIdleConnections()
	time.Sleep(2 * lease)
	if err := s.account(true); err != nil {
		return err
	}
	return s.look()
}

// episode has one replica after another broken, under load; before that, whoever
// publishes is broken while all is quiet, and another one must publish soon.
func (s *replicas) episode() error {
	if err := s.settle(); err != nil {
		return err
	}
	if s.promised.Load() { // there is something to publish to
		if err := s.replace(); err != nil {
			return err
		}
	}
	watching := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { s.watch(watching) })
	s.http.Timeout = 2 * lease // not to wait for one that is held
	stop := s.load()
	s.breakSome(2 + s.random.IntN(4))
	stop()
	s.http.Timeout = calm
	close(watching)
	watch.Wait()
	return s.failed()
}

// breakSome breaks some, several at once.
func (s *replicas) breakSome(n int) {
	var group sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for range n {
		slots <- struct{}{}
		b := breakages[s.random.IntN(len(breakages))]
		random := rand.New(rand.NewPCG(s.soak.seed, s.random.Uint64()))
		r := s.free(random)
		s.faults++
		s.count(b.name)
		group.Go(func() {
			defer func() { r.busy.Unlock(); <-slots }()
			mend, err := b.begin(s, r, random)
			if err == nil {
				time.Sleep(short(random))
				err = mend()
			}
			if err != nil {
				s.violated(fmt.Errorf("%s: %w", b.name, err))
			}
		})
		time.Sleep(time.Duration(s.random.Int64N(int64(lease))))
	}
	group.Wait()
}

// free takes a replica that nobody breaks at the moment.
func (s *replicas) free(random *rand.Rand) *replica {
	for {
		if r := s.list[random.IntN(len(s.list))]; r.busy.TryLock() {
			return r
		}
		time.Sleep(time.Millisecond)
	}
}

// watch looks at what clients see until it is stopped.
func (s *replicas) watch(stopped <-chan struct{}) {
	for n := 0; ; n++ {
		err := s.witness.glance()
		if n%20 == 0 && err == nil {
			err = s.look()
		}
		if err != nil {
			s.violated(fmt.Errorf("while it runs: %w", err))
			return
		}
		select {
		case <-stopped:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// report says what was done.
func (s *replicas) report() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.counts)) {
		fmt.Fprintf(&b, "%4d %s\n", s.counts[name], name)
	}
	if slices.Sort(s.took); len(s.took) > 0 {
		fmt.Fprintf(&b, "until another one had published: median %s, at most %s\n",
			s.took[len(s.took)/2].Round(time.Millisecond), s.took[len(s.took)-1].Round(time.Millisecond))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
