package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
)

const (
	workers = 4
	// calm is for how long a request may take while nothing is broken.
	calm = 20 * time.Second
)

// gone is the length that stands for an artifact that is not there.
const gone = -1

// request is something that was asked of the service.
type request struct {
	task   string           // empty if the answer never came
	effect map[string]int64 // lengths by path, or gone
}

// soak is what is asked of a repository, and watched: it does not know what runs
// the service, nor what is done to it.
type soak struct {
	seed   uint64
	random *rand.Rand
	http   *http.Client
	// ask is the address of the API for the next request.
	ask func() string
	// late is set where a request whose answer never came may have its effect after
	// those that were made when it was given up.
	late bool

	people *people
	folder string // of what is published
	// base is what is published for sure, since it was looked at; history are
	// the requests since then, in the order of each worker.
	base    map[string]int64
	mu      sync.Mutex
	history [workers][]request
	// doubt are effects of requests before that time whose answer never came.
	doubt map[string][]int64
	// open are the acknowledged tasks whose end was not seen.
	open map[string]bool
	// wrong is the first thing that was not as promised.
	wrong error
	// witness sees what clients see, and promised is set once a task said that
	// the repository is there.
	witness  *witness
	promised atomic.Bool

	acked     int
	timestamp int64
	counter   int64
}

func newSoak(seed uint64) *soak {
	return &soak{seed: seed, random: rand.New(rand.NewPCG(seed, 1)), http: &http.Client{Timeout: calm}}
}

// begin begins with a repository that is not there yet, whose files will be in the
// folder; the keys are in dir.
func (s *soak) begin(dir string, delegations bool, folder string) (err error) {
	if s.people, err = newPeople(dir, delegations); err != nil {
		return err
	}
	if s.witness, err = newWitness(folder, s.people.payload.Root()); err != nil {
		return err
	}
	s.folder, s.timestamp = folder, 0
	s.promised.Store(false)
	s.base, s.doubt, s.history, s.open = map[string]int64{}, nil, [workers][]request{}, map[string]bool{}
	return nil
}

// halves are the two kinds of repository that every run has.
var halves = []string{"bins", "delegations"}

// load sends requests until the function that it returns is called, which returns
// when all have ended.
func (s *soak) load() (stop func()) {
	var group sync.WaitGroup
	stopped := make(chan struct{})
	for w := range workers {
		random := rand.New(rand.NewPCG(s.seed, s.random.Uint64()))
		group.Go(func() { s.work(w, random, stopped) })
	}
	return sync.OnceFunc(func() {
		close(stopped)
		group.Wait()
	})
}

// violated notes that something is not as promised.
func (s *soak) violated(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = cmp.Or(s.wrong, err)
}

// failed is the first thing that was not as promised.
func (s *soak) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrong
}

// look looks at what clients see.
func (s *soak) look() error {
	promised := s.promised.Load()
	return s.witness.look(context.Background(), promised)
}

// verify verifies the repository in its folder; nil if there is none yet.
func (s *soak) verify() (*tuftest.Published, error) {
	read := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(s.folder, name)) }
	for _, name := range []string{"timestamp.json", "1.root.json"} {
		if _, err := read(name); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	repo, err := tuftest.ReadPublished(read, tuftest.Expected{Now: time.Now(), Unsigned: func(role string) bool { return role == devRole }})
	if err != nil {
		return nil, fmt.Errorf("the repository does not verify: %w", err)
	}
	return repo, nil
}

// account asks for every acknowledged task; with settle it waits for their
// ends and compares what is published.
func (s *soak) account(settle bool) error {
	deadline := time.Now().Add(time.Minute)
	for settle && !s.publish(0) { // nobody else may publish what is parked
		if time.Now().After(deadline) {
			return errors.New("nothing is accepted")
		}
		if !s.promised.Load() {
			break // there is no repository
		}
		time.Sleep(10 * time.Millisecond)
	}
	for id := range s.open {
		for {
			task, err := s.task(id)
			ended := false
			if err == nil {
				ended, err = judge(task)
				if err != nil {
					return err
				}
			}
			if ended { // and whoever is asked next knows that
				if again, err := s.task(id); err == nil && again.State != task.State {
					return fmt.Errorf("the acknowledged task %s was %s, and is %s", id, task.State, again.State)
				}
				s.promised.Store(true)
				delete(s.open, id)
				break
			}
			if !settle && err == nil {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("the acknowledged task %s does not end: %w", id, cmp.Or(err, errors.New("it is "+string(task.State))))
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	if err := s.failed(); err != nil {
		return err
	}
	if !settle {
		return nil
	}
	repo, err := s.verify()
	if err != nil || repo == nil {
		return err
	}
	if repo.Timestamp < s.timestamp {
		return fmt.Errorf("timestamp went from version %d to %d", s.timestamp, repo.Timestamp)
	}
	s.timestamp = repo.Timestamp
	return s.compare(repo)
}

// compare compares what is published with the requests since the last time: of
// each path, with the last acknowledged request or one after it whose answer
// never came.
func (s *soak) compare(repo *tuftest.Published) error {
	found, err := lengths(repo)
	if err != nil {
		return err
	}
	allowed, doubt := map[string][]int64{}, map[string][]int64{}
	for path, length := range s.base {
		allowed[path] = []int64{length}
	}
	for w := range s.history {
		for _, r := range s.history[w] {
			for path, length := range r.effect {
				if r.task != "" {
					allowed[path] = nil
				} else if allowed[path] == nil {
					allowed[path] = []int64{gone}
				}
				allowed[path] = append(allowed[path], length)
				if r.task == "" && s.late {
					doubt[path] = append(doubt[path], length)
				}
			}
		}
		s.history[w] = nil
	}
	for _, late := range []map[string][]int64{doubt, s.doubt} {
		for path, lengths := range late {
			if allowed[path] == nil {
				allowed[path] = []int64{gone}
			}
			allowed[path] = append(allowed[path], lengths...)
		}
	}
	s.doubt = doubt
	for path := range found {
		if allowed[path] == nil {
			return fmt.Errorf("%s is published and nobody added it", path)
		}
	}
	for path, lengths := range allowed {
		length, ok := found[path]
		if !ok {
			length = gone
		}
		ok = false
		for _, l := range lengths {
			ok = ok || l == length
		}
		if !ok {
			return fmt.Errorf("%s is published with length %d, and should be one of %v (%d stands for gone)", path, length, lengths, gone)
		}
	}
	s.base = found
	return nil
}

// lengths are those of the artifacts, by path.
func lengths(repo *tuftest.Published) (map[string]int64, error) {
	found := map[string]int64{}
	for path, form := range repo.Artifacts {
		var info rstuf.ArtifactInfo
		if err := json.Unmarshal([]byte(form), &info); err != nil {
			return nil, err
		}
		found[path] = info.Length
	}
	return found, nil
}

// sums say how much was done.
func (s *soak) sums() string {
	return fmt.Sprintf("%d requests acknowledged, %d artifacts published, %d publications", s.acked, len(s.base), s.timestamp)
}
