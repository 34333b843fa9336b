package rstuftest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// people makes a key for each name.
func (s *session) people(names ...string) (list []*keys.Private) {
	for _, name := range names {
		key, err := keys.Generate(keys.Ed25519, name)
		if err != nil {
			s.Fatal(err)
		}
		list = append(list, key)
	}
	return list
}

// draft makes a first root with the given root keys, of which two must sign.
func (s *session) draft(policy ceremony.Policy, rootKeys ...*keys.Private) *ceremony.Draft {
	policy.Threshold, policy.OnlineKey = 2, s.online[0].Public()
	for _, key := range rootKeys {
		policy.RootKeys = append(policy.RootKeys, key.Public())
	}
	draft, err := ceremony.New(policy)
	if err != nil {
		s.Fatal(err)
	}
	return draft
}

// next makes the next root, signed.
func (s *session) next(root *metadata.Document, change ceremony.Change, signers ...*keys.Private) *ceremony.Draft {
	draft, err := ceremony.Next(s.Context(), root, change)
	if err != nil {
		s.Fatal(err)
	}
	s.sign(draft, signers...)
	return draft
}

func (s *session) sign(draft *ceremony.Draft, signers ...*keys.Private) {
	for _, key := range signers {
		if err := draft.Sign(s.Context(), key); err != nil {
			s.Fatal(err)
		}
	}
}

// signature is one for a document, as a request.
func (s *session) signature(role string, doc *metadata.Document, key *keys.Private) rstuf.MetadataSign {
	sig, err := key.Sign(s.Context(), doc.Canonical())
	if err != nil {
		s.Fatal(err)
	}
	return rstuf.MetadataSign{Role: role, Signature: rstuf.Signature{KeyID: key.Public().ID(), Sig: hex.EncodeToString(sig)}}
}

// signPending has people sign the role dev, as it waits at the step get, each in a
// step of their own.
func (s *session) signPending(get string, steps []string, people []*keys.Private) {
	var pending rstuf.PendingMetadata
	err := json.Unmarshal(s.do(get, "GET", "/metadata/sign", nil), &pending)
	if err != nil {
		s.Fatalf("%s: %v", get, err)
	}
	doc, err := metadata.Parse(pending.Roles["dev"])
	if err != nil {
		s.Fatalf("%s: the role dev does not wait: %v", get, err)
	}
	for i, step := range steps {
		s.do(step, "POST", "/metadata/sign", s.signature("dev", doc, people[i]))
	}
}

// verify reads what is published as a client does, in a subtest.
func (s *session) verify(root *metadata.Document, artifacts ...string) {
	const step = "what is published"
	name := s.name + "/" + step
	if s.known[name] != "" {
		s.used++
	}
	s.Run(step, func(t *testing.T) { judge(t, name, s.published(t.Context(), root, artifacts), s.known) })
}

func (s *session) published(ctx context.Context, root *metadata.Document, artifacts []string) error {
	cfg := repository.Config{MetadataURL: s.MetadataURL}
	if s.HTTPClient != nil {
		cfg.HTTP.HTTPClient = s.HTTPClient
	}
	reader, err := repository.New(cfg, repository.TrustRoot(root.Bytes()))
	if err != nil {
		return err
	}
	for role, err := range reader.Roles(ctx) {
		if err == nil && !errors.Is(role.Err, repository.ErrNotSigned) {
			err = role.Err
		}
		if err != nil {
			return err
		}
	}
	for _, path := range artifacts {
		info, err := reader.Info(ctx, path)
		if err == nil && info.Length != int64(len(path)) {
			err = fmt.Errorf("%s has length %d in place of %d", path, info.Length, len(path))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// artifacts is a request for artifacts whose content is their path.
func artifacts(paths ...string) rstuf.AddArtifacts {
	request := rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{}}
	for _, path := range paths {
		request.Artifacts = append(request.Artifacts, rstuf.Artifact{Path: path, Info: describe([]byte(path))})
	}
	return request
}

func settings(expiration obj) obj { return obj{"settings": obj{"expiration": expiration}} }

// names are roles to be deleted.
func names(roles ...string) obj {
	list := []obj{}
	for _, name := range roles {
		list = append(list, obj{"name": name})
	}
	return obj{"delegations": obj{"roles": list}}
}

// delegations is a request for roles, with one key if there is one.
func delegations(key keys.Public, roles ...obj) obj {
	all := obj{}
	if key.ID() != "" {
		all[key.ID()] = key.Key()
	}
	return obj{"delegations": obj{"keys": all, "roles": roles}}
}

// changed is a payload as JSON, changed.
func changed(payload *rstuf.BootstrapPayload, change func(p obj)) obj {
	var p obj
	data, err := json.Marshal(payload)
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil {
		panic("rstuftest: a payload is JSON: " + err.Error())
	}
	change(p)
	return p
}

// at is the object at a place in another.
func at(o obj, way ...string) obj {
	for _, name := range way {
		o = o[name].(obj)
	}
	return o
}
