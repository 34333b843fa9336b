package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/rstuf"
)

// replace breaks the one that publishes and waits for another one to do so.
func (s *replicas) replace() error {
	leader, err := s.leader()
	if leader == nil || err != nil {
		return err
	}
	var list []breakage
	for _, b := range breakages {
		if b.takes {
			list = append(list, b)
		}
	}
	b := list[s.random.IntN(len(list))]
	s.faults++
	s.count(b.name)
	s.askThose(slices.DeleteFunc(slices.Clone(s.list), func(r *replica) bool { return r == leader }))
	begun := time.Now()
	mend, err := b.begin(s, leader, s.random)
	if err != nil {
		return fmt.Errorf("%s: %w", b.name, err)
	}
	if err := s.publishSoon(begun.Add(lease + takeover)); err != nil {
		return fmt.Errorf("replica %d, which published, was %s: %w", leader.number, b.name, err)
	}
	s.took = append(s.took, time.Since(begun))
	if err := mend(); err != nil {
		return fmt.Errorf("%s: %w", b.name, err)
	}
	s.askThose(s.list)
	return nil
}

// publishSoon adds an artifact, which must be published by a moment.
func (s *replicas) publishSoon(by time.Time) error {
	effect := map[string]int64{"pub/0-0": s.next()}
	request := rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{Path: "pub/0-0", Info: rstuf.ArtifactInfo{
		Length: effect["pub/0-0"], Hashes: map[string]string{"sha256": strings.Repeat("5a", 32)},
	}}}}
	for !s.send(0, "POST", "/artifacts/", request, effect) {
		if time.Now().After(by) {
			return errors.New("nobody accepts anything")
		}
		time.Sleep(5 * time.Millisecond)
	}
	list := s.history[0]
	id := list[len(list)-1].task
	for {
		task, err := s.task(id)
		if err == nil && task.State == rstuf.TaskSuccess {
			return s.published("pub/0-0", effect["pub/0-0"])
		}
		if time.Now().After(by) {
			return fmt.Errorf("nobody publishes: task %s: %w", id, cmp.Or(err, errors.New(string(task.State))))
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// leader waits for the replica that publishes; nil if there is one replica alone.
func (s *replicas) leader() (*replica, error) {
	if len(s.list) == 1 {
		return nil, nil
	}
	for deadline := time.Now().Add(lease + takeover); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		for _, r := range s.list {
			if text, err := r.get("/metrics"); err == nil && strings.Contains(text, "_leading 1\n") {
				return r, nil
			}
		}
	}
	return nil, errors.New("no replica says that it publishes")
}

// published tells whether clients see an artifact.
func (s *replicas) published(path string, length int64) error {
	repo, err := s.verify()
	if err != nil || repo == nil {
		return cmp.Or(err, errors.New("there is no repository"))
	}
	found, err := lengths(repo)
	if err == nil && found[path] != length {
		err = fmt.Errorf("a task said that %s is published with length %d, and clients see %d", path, length, found[path])
	}
	return err
}
