package ceremony

import (
	"encoding/json"

	"example.org/rstuf"
	"example.org/rstuf/internal/files"
	"example.org/rstuf/keys"
)

// JSON is the policy as a file that [ParsePolicy] reads, with the keys written
// out, so that it needs no other file. What is open stays open: see
// [LoadPartialPolicy].
func (p Policy) JSON() ([]byte, error) {
	optional := func(n int) *number {
		if n == 0 {
			return nil
		}
		return (*number)(&n)
	}
	file := policyFile{
		Threshold: optional(p.Threshold), HashBins: optional(p.HashBins), Timeout: optional(p.Timeout),
		Expirations: map[string]*number{}, TargetsBaseURL: p.TargetsBaseURL,
		FirstGeneration: p.FirstGeneration, AllowThresholdOneUnsafe: p.AllowThresholdOneUnsafe,
		PostQuantum: optional(p.PostQuantum), AllowMLDSA: p.AllowMLDSA,
	}
	for role, days := range p.Expirations.byRole() {
		if *days != 0 {
			file.Expirations[role] = (*number)(days)
		}
	}
	var err error
	if file.RootKeys, err = entries(p.RootKeys); err != nil {
		return nil, err
	}
	if p.OnlineKey.ID() != "" {
		if file.OnlineKey, err = entryOf(p.OnlineKey); err != nil {
			return nil, err
		}
	}
	for _, role := range p.Delegations {
		entry := roleEntry{
			Name: role.Name, Paths: role.Paths, Threshold: number(role.Threshold), Expiration: number(role.Days), NotTerminating: role.NotTerminating,
		}
		if entry.Keys, err = entries(role.Keys); err != nil {
			return nil, err
		}
		file.Delegations = append(file.Delegations, entry)
	}
	return files.Encode(file)
}

func entries(list []keys.Public) (out []keyEntry, err error) {
	for _, key := range list {
		entry, err := entryOf(key)
		if err != nil {
			return nil, err
		}
		out = append(out, entry)
	}
	return out, nil
}

// entryOf is a key written out.
func entryOf(key keys.Public) (keyEntry, error) {
	k := publicOnly(key).Key()
	entry := keyEntry{Name: k.Name, URI: k.OnlineURI}
	if k.KeyType == keys.KeyTypeSigstore {
		entry.Sigstore = &sigstoreEntry{Identity: k.Value["identity"], Issuer: k.Value["issuer"]}
		return entry, nil
	}
	object, err := json.Marshal(rstuf.Key{KeyType: k.KeyType, Scheme: k.Scheme, Value: k.Value})
	entry.Public = string(object)
	return entry, err
}

// byRole are the lives by the names of their roles.
func (e *Expirations) byRole() map[string]*int {
	return map[string]*int{
		rstuf.RoleRoot: &e.Root, rstuf.RoleTargets: &e.Targets, rstuf.RoleSnapshot: &e.Snapshot,
		rstuf.RoleTimestamp: &e.Timestamp, rstuf.RoleBins: &e.Bins,
	}
}
