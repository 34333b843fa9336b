package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/wire"
)

// work sends random requests until the service ends. The first worker also
// does what changes the repository as a whole.
func (s *soak) work(c *life, worker int, random *rand.Rand, stopped <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stopped:
			return
		default:
		}
		ok := true
		if worker == 0 && (n == 0 || random.IntN(8) == 0) {
			ok = s.govern(c, random)
		} else {
			ok = s.artifacts(c, worker, random)
		}
		if !ok {
			return
		}
	}
}

// artifacts adds or removes some artifacts. Each worker has its own paths.
func (s *soak) artifacts(c *life, worker int, random *rand.Rand) bool {
	effect := map[string]int64{}
	for range 1 + random.IntN(5) {
		effect[fmt.Sprintf("pub/%d-%d", worker, random.IntN(60))] = s.next()
	}
	skip := random.IntN(5) == 0
	if random.IntN(4) == 0 {
		request := rstuf.DeleteArtifacts{Artifacts: slices.Sorted(maps.Keys(effect)), SkipPublish: skip}
		for path := range effect {
			effect[path] = gone
		}
		return s.send(c, worker, "POST", "/artifacts/delete", request, effect) && (!skip || s.publish(c, worker))
	}
	request := rstuf.AddArtifacts{SkipPublish: skip}
	for path, length := range effect {
		request.Artifacts = append(request.Artifacts, rstuf.Artifact{Path: path, Info: rstuf.ArtifactInfo{
			Length: length, Hashes: map[string]string{"sha256": strings.Repeat("5a", 32)},
		}})
	}
	return s.send(c, worker, "POST", "/artifacts/", request, effect) && (!skip || s.publish(c, worker))
}

func (s *soak) publish(c *life, worker int) bool {
	return s.send(c, worker, "POST", "/artifacts/publish/", nil, nil)
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
func (s *soak) govern(c *life, random *rand.Rand) bool {
	resp, err := s.http.Get(c.url + "/config/")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var settings wire.Response[rstuf.RepositorySettings]
	if resp.StatusCode == http.StatusNotFound {
		return s.send(c, 0, "POST", "/bootstrap/", s.people.payload, nil)
	}
	if json.NewDecoder(resp.Body).Decode(&settings) != nil || settings.Data == nil {
		return false
	}
	if s.people.delegations && random.IntN(3) == 0 {
		return s.sign(c)
	}
	switch random.IntN(4) {
	case 0:
		return s.send(c, 0, "PUT", "/config/", rstuf.SettingsUpdate{Expiration: map[string]int{"targets": 1 + random.IntN(400)}}, nil)
	case 1:
		return s.send(c, 0, "POST", "/metadata/online", rstuf.OnlineBump{Roles: []string{}}, nil)
	case 2:
		root, err := s.people.nextRoot(settings.Data.TrustedRoot)
		if err != nil {
			fmt.Println("next root:", err)
			return false
		}
		// Another one may take effect before it: see state.
		return s.send(c, 0, "POST", "/metadata/", rstuf.MetadataUpdate{Metadata: map[string]json.RawMessage{"root": root}}, nil)
	}
	if !s.people.delegations {
		return true
	}
	name := fmt.Sprintf("extra-%d", s.next())
	role := rstuf.DelegatedRole{Name: name, Threshold: 1, Terminating: true, Paths: []string{name + "/*"}, ExpirePolicy: 30}
	if !s.send(c, 0, "POST", "/delegations/", rstuf.DelegationsUpdate{Delegations: rstuf.Delegations{Keys: map[string]rstuf.Key{}, Roles: []rstuf.DelegatedRole{role}}}, nil) {
		return false
	}
	if random.IntN(2) == 0 {
		return true
	}
	return s.send(c, 0, "POST", "/delegations/delete", rstuf.DelegationsDelete{Roles: []string{name}}, nil)
}

// send sends a request and notes what became of it. It returns false if no
// answer came: then the service has ended, and nobody knows.
func (s *soak) send(c *life, worker int, method, path string, body any, effect map[string]int64) bool {
	task, ok := s.submit(c, method, path, body)
	if ok && task == "" {
		return true
	}
	s.note(worker, request{task, effect})
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked++
	s.open[task] = true
	return true
}

// submit sends a request and returns its task, which is empty if there is no
// repository yet. It returns false if no answer came.
func (s *soak) submit(c *life, method, path string, body any) (task string, ok bool) {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	r, err := http.NewRequest(method, c.url+path, bytes.NewReader(raw))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(r)
	if err != nil {
		return "", false
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return "", true // before the bootstrap
	}
	var accepted wire.Response[wire.Accepted]
	if json.NewDecoder(resp.Body).Decode(&accepted) != nil || accepted.Data == nil {
		return "", false
	}
	return accepted.Data.TaskID, true
}

// note notes a request in the order of its worker.
func (s *soak) note(worker int, r request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history[worker] = append(s.history[worker], r)
}
