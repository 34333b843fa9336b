package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/metadata"
)

// devRole is the role that people sign.
const devRole = "dev"

// people add an artifact to the role that they sign, and sign what waits. What
// they signed is published once the task of the signature has succeeded; if its
// end is not seen, nobody knows.
func (s *soak) sign(stopped <-chan struct{}) bool {
	path := fmt.Sprintf("dev/%d", s.next()%20)
	adding := rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{Path: path, Info: rstuf.ArtifactInfo{
		Length: s.next(), Hashes: map[string]string{"sha256": strings.Repeat("5a", 32)},
	}}}}
	if !s.send(0, "POST", "/artifacts/", adding, nil) {
		return false
	}
	var waits wire.Response[rstuf.PendingMetadata]
	if _, err := s.get("/metadata/sign", &waits); err != nil {
		return false
	}
	if waits.Data == nil || waits.Data.Roles[devRole] == nil {
		return true // it is not published yet, or somebody has signed it
	}
	doc, err := metadata.Parse(waits.Data.Roles[devRole])
	if err != nil {
		s.violated(fmt.Errorf("what waits to be signed: %w", err))
		return false
	}
	signature, err := s.people.dev.Sign(context.Background(), doc.Canonical())
	if err != nil {
		s.violated(err)
		return false
	}
	view, err := doc.Targets()
	if err != nil {
		s.violated(fmt.Errorf("what waits to be signed: %w", err))
		return false
	}
	done := request{effect: map[string]int64{}}
	for path, file := range view.Targets {
		done.effect[path] = file.Length
	}
	body := rstuf.MetadataSign{Role: devRole, Signature: rstuf.Signature{KeyID: s.people.dev.Public().ID(), Sig: hex.EncodeToString(signature)}}
	id, outcome := s.submit("POST", "/metadata/sign", body)
	if outcome == refused {
		return false
	}
	for outcome == accepted {
		task, err := s.task(id)
		switch {
		case err != nil: // whom we asked is away
		case task.State == rstuf.TaskErrored || task.State == rstuf.TaskFailure:
			return true // another version came first
		case task.State == rstuf.TaskSuccess:
			done.task = id
			s.note(0, done)
			return true
		}
		select {
		case <-stopped:
			outcome = unknown
		case <-time.After(time.Millisecond):
		}
	}
	s.note(0, done)
	return false
}
