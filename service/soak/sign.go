package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
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
func (s *soak) sign(c *life) bool {
	path := fmt.Sprintf("dev/%d", s.next()%20)
	adding := rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{Path: path, Info: rstuf.ArtifactInfo{
		Length: s.next(), Hashes: map[string]string{"sha256": strings.Repeat("5a", 32)},
	}}}}
	if !s.send(c, 0, "POST", "/artifacts/", adding, nil) {
		return false
	}
	resp, err := s.http.Get(c.url + "/metadata/sign")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var answer wire.Response[rstuf.PendingMetadata]
	if json.NewDecoder(resp.Body).Decode(&answer) != nil {
		return false
	}
	if answer.Data == nil || answer.Data.Roles[devRole] == nil {
		return true // it is not published yet, or somebody has signed it
	}
	doc, err := metadata.Parse(answer.Data.Roles[devRole])
	if err != nil {
		fmt.Println("what waits to be signed:", err)
		return false
	}
	signature, err := s.people.dev.Sign(context.Background(), doc.Canonical())
	if err != nil {
		return false
	}
	effect := map[string]int64{}
	view, err := doc.Targets()
	if err != nil {
		fmt.Println("what waits to be signed:", err)
		return false
	}
	for path, file := range view.Targets {
		effect[path] = file.Length
	}
	body := rstuf.MetadataSign{Role: devRole, Signature: rstuf.Signature{KeyID: s.people.dev.Public().ID(), Sig: hex.EncodeToString(signature)}}
	task, ok := s.submit(c, "POST", "/metadata/sign", body)
	done := request{effect: effect}
	for ok {
		state, err := s.state(c, task)
		switch {
		case err != nil && strings.Contains(err.Error(), "failed"):
			return true // another version came first
		case err != nil:
			ok = false
		case state == rstuf.TaskSuccess:
			done.task = task
			s.note(0, done)
			return true
		}
		time.Sleep(time.Millisecond)
	}
	s.note(0, done)
	return false
}
