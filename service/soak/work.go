package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/service"
)

// work sends random requests until it is stopped. The first worker also does what
// changes the repository as a whole.
func (s *soak) work(worker int, random *rand.Rand, stopped <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stopped:
			return
		default:
		}
		ok := true
		if worker == 0 && (n == 0 || random.IntN(8) == 0) {
			ok = s.govern(random, stopped)
		} else {
			ok = s.artifacts(worker, random)
		}
		if !ok {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// artifacts adds or removes some artifacts. Each worker has its own paths.
func (s *soak) artifacts(worker int, random *rand.Rand) bool {
	effect := map[string]int64{}
	for range 1 + random.IntN(5) {
		effect[fmt.Sprintf("pub/%d-%d", worker, random.IntN(60))] = s.next()
	}
	if random.IntN(16) == 0 { // one of its own, so that no later request hides what became of it
		effect[fmt.Sprintf("pub/%d-own-%d", worker, s.next())] = s.next()
	}
	skip := random.IntN(5) == 0
	if random.IntN(4) == 0 {
		request := rstuf.DeleteArtifacts{Artifacts: slices.Sorted(maps.Keys(effect)), SkipPublish: skip}
		for path := range effect {
			effect[path] = gone
		}
		return s.send(worker, "POST", "/artifacts/delete", request, effect) && (!skip || s.publish(worker))
	}
	request := rstuf.AddArtifacts{SkipPublish: skip}
	for path, length := range effect {
		request.Artifacts = append(request.Artifacts, rstuf.Artifact{Path: path, Info: rstuf.ArtifactInfo{
			Length: length, Hashes: map[string]string{"sha256": strings.Repeat("5a", 32)},
		}})
	}
	return s.send(worker, "POST", "/artifacts/", request, effect) && (!skip || s.publish(worker))
}

func (s *soak) publish(worker int) bool {
	return s.send(worker, "POST", "/artifacts/publish/", nil, nil)
}

// next is a number that no other artifact has as its length.
func (s *soak) next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counter++
	return s.counter
}

// govern bootstraps, changes settings, bumps, changes the online key, or
// changes delegations.
func (s *soak) govern(random *rand.Rand, stopped <-chan struct{}) bool {
	promised := s.promised.Load()
	var settings wire.Response[rstuf.RepositorySettings]
	status, err := s.get("/config/", &settings)
	if err == nil && status == http.StatusNotFound {
		if promised {
			s.violated(errors.New("the repository is there, and /config/ says that there is none"))
		}
		return s.send(0, "POST", "/bootstrap/", s.people.payload, nil)
	}
	if err != nil || settings.Data == nil {
		return false
	}
	if s.people.delegations && random.IntN(3) == 0 {
		return s.sign(stopped)
	}
	switch random.IntN(4) {
	case 0:
		return s.send(0, "PUT", "/config/", rstuf.SettingsUpdate{Expiration: map[string]int{"targets": 1 + random.IntN(400)}}, nil)
	case 1:
		return s.send(0, "POST", "/metadata/online", rstuf.OnlineBump{Roles: []string{}}, nil)
	case 2:
		root, err := s.people.nextRoot(settings.Data.TrustedRoot)
		if err != nil {
			fmt.Println("next root:", err)
			return false
		}
		// Another one may take effect before it: see state.
		return s.send(0, "POST", "/metadata/", rstuf.MetadataUpdate{Metadata: map[string]json.RawMessage{"root": root}}, nil)
	}
	if !s.people.delegations {
		return true
	}
	name := fmt.Sprintf("extra-%d", s.next())
	role := rstuf.DelegatedRole{Name: name, Threshold: 1, Terminating: true, Paths: []string{name + "/*"}, ExpirePolicy: 30}
	if !s.send(0, "POST", "/delegations/", rstuf.DelegationsUpdate{Delegations: rstuf.Delegations{Keys: map[string]rstuf.Key{}, Roles: []rstuf.DelegatedRole{role}}}, nil) {
		return false
	}
	if random.IntN(2) == 0 {
		return true
	}
	return s.send(0, "POST", "/delegations/delete", rstuf.DelegationsDelete{Roles: []string{name}}, nil)
}

// send sends a request and notes what became of it. It returns whether it was
// accepted.
func (s *soak) send(worker int, method, path string, body any, effect map[string]int64) bool {
	task, outcome := s.submit(method, path, body)
	if outcome != refused {
		s.note(worker, request{task, effect})
	}
	if outcome != accepted {
		return false
	}
	s.mu.Lock()
	s.acked++
	s.open[task] = true
	s.mu.Unlock()
	// Whoever is asked next knows it.
	if found, err := s.task(task); err == nil {
		if _, err := judge(found); err != nil {
			s.violated(err)
		}
	}
	return true
}

// outcome is what became of a request.
type outcome int

const (
	unknown  outcome = iota // no answer came
	refused                 // it has no effect, and never will
	accepted                // it will have its effect, whatever happens
)

// submit sends a request and returns its task if it was accepted.
func (s *soak) submit(method, path string, body any) (task string, o outcome) {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	r, err := http.NewRequest(method, s.ask()+path, bytes.NewReader(raw))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(r)
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		return "", refused // it was never sent
	}
	if err != nil {
		return "", unknown
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil || strings.Contains(string(answer), service.ErrLost.Error()):
		return "", unknown
	case resp.StatusCode != http.StatusAccepted:
		return "", refused
	}
	var said wire.Response[wire.Accepted]
	if err := json.Unmarshal(answer, &said); err != nil || said.Data == nil {
		s.violated(fmt.Errorf("%s %s was accepted with the answer %q", method, path, answer))
		return "", unknown
	}
	return said.Data.TaskID, accepted
}

// get asks for something.
func (s *soak) get(path string, out any) (status int, err error) {
	resp, err := s.http.Get(s.ask() + path)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(out)
}

// note notes a request in the order of its worker.
func (s *soak) note(worker int, r request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history[worker] = append(s.history[worker], r)
}

// task asks for a task.
func (s *soak) task(id string) (rstuf.Task, error) {
	var out wire.Response[rstuf.Task]
	status, err := s.get("/task/?task_id="+id, &out)
	switch {
	case err != nil:
		return rstuf.Task{}, err
	case out.Data == nil:
		return rstuf.Task{}, fmt.Errorf("task %s: status %d without data", id, status)
	}
	return *out.Data, nil
}

// judge tells whether a task that was acknowledged has ended. It may not have
// failed, unless because of another request.
func judge(task rstuf.Task) (ended bool, err error) {
	switch task.State {
	case rstuf.TaskSuccess:
		return true, nil
	case rstuf.TaskStarted, rstuf.TaskRunning:
		return false, nil
	case rstuf.TaskErrored, rstuf.TaskFailure:
		for _, other := range []string{"Expected root version", "System already has a Metadata"} { // of whose request no answer came
			if strings.Contains(task.Reason(), other) {
				return true, nil
			}
		}
	}
	return false, fmt.Errorf("the acknowledged task %s is %s: %s", task.ID, task.State, task.Reason())
}
