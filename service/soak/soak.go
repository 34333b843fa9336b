package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/internal/wire"
)

const workers = 4

// gone is the length that stands for an artifact that is not there.
const gone = -1

// request is something that was asked of the service.
type request struct {
	task   string           // empty if the answer never came
	effect map[string]int64 // lengths by path, or gone
}

// soak is the whole run.
type soak struct {
	options
	random *rand.Rand
	people *people
	http   *http.Client

	// base is what is published for sure, since it was looked at; history are
	// the requests since then, in the order of each worker.
	base    map[string]int64
	mu      sync.Mutex
	history [workers][]request
	// open are the acknowledged tasks whose end was not seen.
	open map[string]bool
	// witness sees what clients see, and promised is set once a task said that
	// the repository is there.
	witness  *witness
	promised bool

	kills, acked int
	timestamp    int64
	counter      int64
}

func newSoak(o options) *soak {
	return &soak{
		options: o,
		random:  rand.New(rand.NewPCG(o.seed, 1)),
		http:    &http.Client{Timeout: 20 * time.Second},
		base:    map[string]int64{},
		open:    map[string]bool{},
	}
}

func (s *soak) run(ctx context.Context) (err error) {
	end := time.Now().Add(s.duration)
	for half := range 2 {
		dir := filepath.Join(s.dir, []string{"bins", "delegations"}[half])
		if s.people, err = newPeople(dir, half == 1); err != nil {
			return err
		}
		if s.witness, err = newWitness(filepath.Join(dir, "service", "metadata"), s.people.payload.Root()); err != nil {
			return err
		}
		s.promised, s.timestamp = false, 0
		s.base, s.history, s.open = map[string]int64{}, [workers][]request{}, map[string]bool{}
		for life := 0; ; life++ {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if s.duration > 0 && time.Until(end) < time.Duration(1-half)*s.duration/2 || s.duration == 0 && s.kills >= (half+1)*s.options.kills/2 {
				break
			}
			if err := s.life(dir, life); err != nil {
				return fmt.Errorf("%s, life %d: %w", filepath.Base(dir), life, err)
			}
		}
	}
	return nil
}

// life starts the service, checks it, puts it under load, kills it (some times
// it is asked to end, and given little time), and verifies what is left.
func (s *soak) life(dir string, number int) error {
	c, err := startLife(dir, randomTrouble(s.random))
	if err != nil {
		return err
	}
	alive := true
	defer func() {
		if alive {
			c.kill()
		}
	}()
	if err := s.account(c, number%4 == 3); err != nil {
		return err
	}
	var group sync.WaitGroup
	stopped := make(chan struct{})
	for w := range workers {
		random := rand.New(rand.NewPCG(s.seed, s.random.Uint64()))
		group.Go(func() { s.work(c, w, random, stopped) })
	}
	time.Sleep(time.Duration(s.random.Int64N(int64(250 * time.Millisecond))))
	if s.random.IntN(4) == 0 { // it is held for a while, and knows nothing of it
		if err := c.hold(time.Duration(s.random.Int64N(int64(100 * time.Millisecond)))); err != nil {
			return err
		}
	}
	if err := s.witness.look(context.Background(), s.promised); err != nil {
		return fmt.Errorf("while it runs: %w", err)
	}
	alive = false
	if number%8 == 5 {
		err = c.Stop()
	} else {
		err = c.kill()
		s.kills++
	}
	close(stopped)
	group.Wait()
	if err != nil {
		return err
	}
	if err := s.witness.look(context.Background(), s.promised); err != nil {
		return err
	}
	_, err = s.verify(dir)
	return err
}

// verify verifies the repository in its folder; nil if there is none yet.
func (s *soak) verify(dir string) (*tuftest.Published, error) {
	read := func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join(dir, "service", "metadata", name))
	}
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
func (s *soak) account(c *life, settle bool) error {
	if settle { // nobody else may publish what is parked
		s.publish(c, 0)
	}
	deadline := time.Now().Add(time.Minute)
	for task := range s.open {
		for {
			if time.Now().After(deadline) {
				return fmt.Errorf("the acknowledged task %s does not end", task)
			}
			state, err := s.state(c, task)
			if err != nil {
				return err
			}
			if state == rstuf.TaskSuccess {
				s.promised = true
				delete(s.open, task)
				break
			}
			if state != rstuf.TaskStarted && state != rstuf.TaskRunning {
				return fmt.Errorf("the acknowledged task %s is %s", task, state)
			}
			if !settle {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	if !settle {
		return nil
	}
	repo, err := s.verify(s.people.dir)
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
	found := map[string]int64{}
	for path, form := range repo.Artifacts {
		var info rstuf.ArtifactInfo
		if err := json.Unmarshal([]byte(form), &info); err != nil {
			return err
		}
		found[path] = info.Length
	}
	allowed := map[string][]int64{}
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
			}
		}
		s.history[w] = nil
	}
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

func (s *soak) state(c *life, task string) (rstuf.TaskState, error) {
	resp, err := s.http.Get(c.url + "/task/?task_id=" + task)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var out wire.Response[rstuf.Task]
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return "", err
	}
	if out.Data == nil {
		return "", fmt.Errorf("task %s: status %d without data", task, resp.StatusCode)
	}
	if strings.Contains(out.Data.Reason(), "Expected root version") {
		return rstuf.TaskSuccess, nil // another root came first
	}
	if out.Data.State == rstuf.TaskErrored || out.Data.State == rstuf.TaskFailure {
		return "", fmt.Errorf("task %s failed: %s", task, out.Data.Reason())
	}
	return out.Data.State, nil
}
