package rstuftest

import (
	"context"
	"fmt"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
)

// makeKeys makes the keys of root, of the people of roles, and the online key.
func (r *Repository) makeKeys(o options) error {
	names := []string{"alice", "bob"}
	for i, kind := range o.rootKeys {
		name := fmt.Sprintf("root-%d", i+1)
		if i < len(names) {
			name = names[i]
		}
		key, err := keys.Generate(kind, name)
		if err != nil {
			return err
		}
		r.RootKeys = append(r.RootKeys, key)
	}
	r.types = keyTypes{o.rootKeys, o.online}
	for _, role := range o.roles {
		for _, name := range role.people {
			if r.Keys[name] != nil {
				continue
			}
			key, err := keys.Generate(keys.Ed25519, name)
			if err != nil {
				return err
			}
			r.Keys[name] = key
		}
	}
	var err error
	r.OnlineKey, err = keys.Generate(o.online, "online")
	return err
}

// makeRoot holds the ceremony.
func (r *Repository) makeRoot(ctx context.Context, o options) error {
	policy := ceremony.Policy{Threshold: o.threshold, OnlineKey: r.OnlineKey.Public(), HashBins: 4, Now: r.now()}
	for _, key := range r.RootKeys {
		policy.RootKeys = append(policy.RootKeys, key.Public())
	}
	for _, role := range o.roles {
		for _, name := range role.people {
			role.Keys = append(role.Keys, r.Keys[name].Public())
		}
		if role.Threshold == 0 {
			role.Threshold = len(role.people)
		}
		if role.Days == 0 {
			role.Days = 30
		}
		policy.Delegations = append(policy.Delegations, role.Role)
	}
	o.policy(&policy)
	if len(policy.Delegations) > 0 {
		policy.HashBins = 0
	}
	var err error
	if r.Draft, err = ceremony.New(policy); err != nil {
		return err
	}
	for _, key := range r.RootKeys {
		if err := r.Draft.Sign(ctx, key); err != nil {
			return err
		}
	}
	r.RootJSON = r.Draft.Document().Bytes()
	return nil
}

// bootstrap sends the payload, waits for the repository, and publishes the
// artifacts that it begins with.
func (r *Repository) bootstrap(ctx context.Context, artifacts int) error {
	payload := r.Draft.Payload()
	if first := r.Draft.FirstGenerationPayload(); first != nil {
		payload = first.Today()
	}
	id, err := r.Client.SubmitBootstrap(ctx, payload)
	if err != nil {
		return err
	}
	if err := r.wait(ctx, r.Client.Task(id)); err != nil || artifacts == 0 {
		return err
	}
	var request rstuf.AddArtifacts
	for i := range artifacts {
		path, content := ArtifactPath(i), ArtifactContent(i)
		r.web.put(path, content)
		request.Artifacts = append(request.Artifacts, rstuf.Artifact{Path: path, Info: describe(content)})
	}
	task, err := r.Client.AddArtifacts(ctx, request)
	if err != nil {
		return err
	}
	return r.wait(ctx, task)
}
