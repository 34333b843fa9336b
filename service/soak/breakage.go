package main

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"syscall"
	"time"
)

// breakage is one way to break a replica, or what it rests on. It returns what
// mends it again.
type breakage struct {
	name string
	// takes tells whether another replica must take over if this one published.
	takes bool
	begin func(s *replicas, r *replica, random *rand.Rand) (mend func() error, err error)
}

// short is a time around the length of the lease, which some of them outlast.
func short(random *rand.Rand) time.Duration {
	return 100*time.Millisecond + time.Duration(random.Int64N(int64(3*lease)))
}

// network breaks the network to a server, and mends it.
func network(to func(*replica) *proxy, fault func(*proxy)) func(*replicas, *replica, *rand.Rand) (func() error, error) {
	return func(_ *replicas, r *replica, _ *rand.Rand) (func() error, error) {
		p := to(r)
		fault(p)
		return func() error { p.pass(); return nil }, nil
	}
}

// loss loses the next request of any replica that has the mark.
func loss(to func(*replica) *proxy, mark string) func(*replicas, *replica, *rand.Rand) (func() error, error) {
	return func(s *replicas, _ *replica, random *rand.Rand) (func() error, error) {
		a := &ambush{mark: regexp.MustCompile(mark), way: way(random.IntN(int(ways))), delay: short(random), met: make(chan struct{})}
		for _, r := range s.list {
			to(r).lay(a, true)
		}
		return func() error {
			select {
			case <-a.met:
				s.count("lost, " + a.way.String())
				time.Sleep(a.delay) // it may be on its way
			case <-time.After(2 * lease):
			}
			for _, r := range s.list {
				to(r).lay(a, false)
			}
			return nil
		}, nil
	}
}

func toDatabase(r *replica) *proxy { return r.database }
func toBucket(r *replica) *proxy   { return r.bucket }

func begin(r *replica) func() error { return r.start }

var breakages = []breakage{
	{"killed", true, func(_ *replicas, r *replica, _ *rand.Rand) (func() error, error) {
		return begin(r), r.end(syscall.SIGKILL)
	}},
	{"stopped", true, func(_ *replicas, r *replica, _ *rand.Rand) (func() error, error) {
		return begin(r), r.end(syscall.SIGTERM)
	}},
	{"paused", true, func(_ *replicas, r *replica, _ *rand.Rand) (func() error, error) {
		return func() error { return r.signal(syscall.SIGCONT) }, r.signal(syscall.SIGSTOP)
	}},
	{"cut from the database", true, network(toDatabase, func(p *proxy) { p.breakAll(true) })},
	{"held from the database", true, network(toDatabase, (*proxy).hold)},
	{"connections to the database closed", false, network(toDatabase, func(p *proxy) { p.breakAll(false) })},
	// Those that notify others name the channel, whose name is a hash.
	{"an acceptance lost", false, loss(toDatabase, "(?s)queue.*rstuf_[0-9a-f]{30}")},
	{"a commit lost", false, loss(toDatabase, "(?s)roles.*rstuf_[0-9a-f]{30}")},
	{"cut from the bucket", false, network(toBucket, func(p *proxy) { p.breakAll(true) })},
	{"held from the bucket", false, network(toBucket, (*proxy).hold)},
	{"a file lost", false, loss(toBucket, "^PUT /")},
	{"timestamp.json lost", false, loss(toBucket, `^PUT /\S*/timestamp\.json`)},
	{"the database restarted", false, func(s *replicas, _ *replica, random *rand.Rand) (func() error, error) {
		s.restarting.Lock()
		defer s.restarting.Unlock()
		how := []string{"fast", "immediate"}[random.IntN(2)]
		out, err := exec.Command(s.control, how).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("restart the database: %w: %s", err, out)
		}
		return func() error { return nil }, err
	}},
}
