package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// people are those who hold the root keys, and two online keys to change
// between.
type people struct {
	dir         string
	delegations bool
	roots       []*keys.Private
	online      []keys.Public
	dev         *keys.Private // of the role that people sign
	payload     *rstuf.BootstrapPayload
}

func newPeople(dir string, delegations bool) (*people, error) {
	p := &people{dir: dir, delegations: delegations}
	folder := filepath.Join(dir, "keys")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{"alice", "bob"} {
		key, err := keys.Generate(keys.Ed25519, name)
		if err != nil {
			return nil, err
		}
		p.roots = append(p.roots, key)
	}
	var err error
	if p.dev, err = keys.Generate(keys.Ed25519, "dev"); err != nil {
		return nil, err
	}
	for range 2 {
		key, err := keys.Generate(keys.Ed25519, "online")
		if err != nil {
			return nil, err
		}
		pem, err := key.MarshalPEM(nil)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(folder, key.Public().ID()), pem, 0o600); err != nil {
			return nil, err
		}
		p.online = append(p.online, key.Public().WithOnlineURI("fn:"+key.Public().ID()))
	}
	return p, p.makePayload()
}

func (p *people) makePayload() error {
	root := &metadata.Root{Version: 1, Expires: time.Now().AddDate(1, 0, 0), ConsistentSnapshot: true, Keys: map[string]rstuf.Key{}, Roles: map[string]metadata.RoleKeys{}}
	var ids []string
	for _, key := range p.roots {
		root.Keys[key.Public().ID()] = key.Public().Key()
		ids = append(ids, key.Public().ID())
	}
	root.Roles[rstuf.RoleRoot] = metadata.RoleKeys{KeyIDs: ids, Threshold: 2}
	doc, err := p.sign(root, p.online[0])
	if err != nil {
		return err
	}
	days := rstuf.RoleSettings{Expiration: 1}
	p.payload = &rstuf.BootstrapPayload{
		Settings: rstuf.Settings{Roles: rstuf.RolesSettings{Root: days, Targets: rstuf.RoleSettings{Expiration: 365}, Snapshot: days, Timestamp: days}},
		Metadata: map[string]json.RawMessage{rstuf.RoleRoot: doc},
	}
	if p.delegations {
		p.payload.Settings.Roles.Delegations = &rstuf.Delegations{Keys: map[string]rstuf.Key{p.dev.Public().ID(): p.dev.Public().Key()}, Roles: []rstuf.DelegatedRole{
			{Name: devRole, KeyIDs: []string{p.dev.Public().ID()}, Threshold: 1, Terminating: true, Paths: []string{"dev/*"}, ExpirePolicy: 30},
			{Name: "even", Threshold: 1, Terminating: true, Paths: []string{"pub/*[02468]"}, ExpirePolicy: 30},
			{Name: "rest", Threshold: 1, Terminating: true, Paths: []string{"pub/*"}, ExpirePolicy: 30},
		}}
	} else {
		p.payload.Settings.Roles.Bins = &rstuf.BinsSettings{Expiration: 1, NumberOfDelegatedBins: 16}
	}
	return nil
}

// sign gives a root an online key and the signatures of all.
func (p *people) sign(root *metadata.Root, online keys.Public) (json.RawMessage, error) {
	for id, key := range root.Keys {
		if key.OnlineURI != "" {
			delete(root.Keys, id)
		}
	}
	root.Keys[online.ID()] = online.Key()
	for _, role := range []string{rstuf.RoleTimestamp, rstuf.RoleSnapshot, rstuf.RoleTargets} {
		root.Roles[role] = metadata.RoleKeys{KeyIDs: []string{online.ID()}, Threshold: 1}
	}
	doc, err := metadata.New(root)
	if err != nil {
		return nil, err
	}
	for _, key := range p.roots {
		if err := doc.Sign(context.Background(), key); err != nil {
			return nil, err
		}
	}
	return doc.Bytes(), nil
}

// nextRoot is the root after the current one, with the other online key.
func (p *people) nextRoot(current []byte) (json.RawMessage, error) {
	doc, err := metadata.Parse(current)
	if err != nil {
		return nil, err
	}
	root, err := doc.Root()
	if err != nil {
		return nil, err
	}
	root.Version++
	other := p.online[0]
	if root.Roles[rstuf.RoleTimestamp].KeyIDs[0] == other.ID() {
		other = p.online[1]
	}
	return p.sign(root, other)
}
