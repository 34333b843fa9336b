package ceremony

import (
	"encoding/json"
	"maps"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap/firstgen"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// Payload is the body of POST /bootstrap/: the settings and the first root
// with the signatures that it has so far, of which the service wants at least
// one. It is nil if the draft is not one that [New] made. What
// [rstuf.BootstrapPayload] has no place for is [Draft.TargetsBaseURL].
func (d *Draft) Payload() *rstuf.BootstrapPayload {
	if d.bootstrap == nil {
		return nil
	}
	payload := &rstuf.BootstrapPayload{
		Settings: d.bootstrap.Settings,
		Metadata: d.signedRoot(),
		Timeout:  d.bootstrap.Timeout,
	}
	// The caller may change the payload, and the draft must not change with it.
	roles := &payload.Settings.Roles
	if roles.Bins != nil {
		bins := *roles.Bins
		roles.Bins = &bins
	}
	if roles.Delegations != nil {
		roles.Delegations = &rstuf.Delegations{Keys: maps.Clone(roles.Delegations.Keys), Roles: slices.Clone(roles.Delegations.Roles)}
	}
	return payload
}

// FirstGenerationPayload is the payload as RSTUF's first releases take it. It
// is nil unless the policy asked for the first generation, since then the root
// itself differs: key objects have "name" in place of x-rstuf-key-name, and
// key ids are those of that time.
func (d *Draft) FirstGenerationPayload() *firstgen.Payload {
	if d.bootstrap == nil || !d.bootstrap.FirstGeneration {
		return nil
	}
	roles := d.bootstrap.Settings.Roles
	payload := &firstgen.Payload{Metadata: d.signedRoot(), Timeout: d.bootstrap.Timeout}
	payload.Settings.Expiration = map[string]int{
		rstuf.RoleRoot: roles.Root.Expiration, rstuf.RoleTargets: roles.Targets.Expiration,
		rstuf.RoleSnapshot: roles.Snapshot.Expiration, rstuf.RoleTimestamp: roles.Timestamp.Expiration,
	}
	payload.Settings.Services = firstgen.Services{TargetsBaseURL: d.bootstrap.TargetsBaseURL, TargetsOnlineKey: true}
	if roles.Bins != nil {
		payload.Settings.Expiration[rstuf.RoleBins] = roles.Bins.Expiration
		payload.Settings.Services.NumberOfDelegatedBins = roles.Bins.NumberOfDelegatedBins
	}
	return payload
}

// Update is the body of POST /metadata/: the next root with the signatures
// that it has so far. It is nil if the draft is not a next root.
func (d *Draft) Update() *rstuf.MetadataUpdate {
	if d.role != rstuf.RoleRoot || d.base == nil {
		return nil
	}
	return &rstuf.MetadataUpdate{Metadata: d.signedRoot()}
}

func (d *Draft) signedRoot() map[string]json.RawMessage {
	return map[string]json.RawMessage{rstuf.RoleRoot: slices.Clone(d.document.Bytes())}
}

// makeFirstGeneration gives a root the form of the first generation: "name" in
// place of x-rstuf-key-name, and the key ids of that time. It needs no URI of
// the online key: the worker's settings said where that is.
func makeFirstGeneration(root *metadata.Root) {
	ids, objects := map[string]string{}, map[string]rstuf.Key{}
	for id, object := range root.Keys {
		key, err := keys.FromKey(object)
		if err != nil {
			panic("ceremony: a key of a new root: " + err.Error())
		}
		if name, err := json.Marshal(object.Name); err == nil && object.Name != "" {
			object.Name, object.Extra = "", map[string]json.RawMessage{"name": name}
		}
		ids[id] = key.LegacyID()
		objects[ids[id]] = object
	}
	root.Keys = objects
	for name, role := range root.Roles {
		var legacy []string
		for _, id := range role.KeyIDs {
			legacy = append(legacy, ids[id])
		}
		role.KeyIDs = legacy
		root.Roles[name] = role
	}
}
