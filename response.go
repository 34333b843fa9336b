package rstuf

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// BootstrapState is the data of GET /bootstrap/.
type BootstrapState struct {
	// Bootstrap is true once the repository exists.
	Bootstrap bool `json:"bootstrap"`
	// State is "pre" while the task runs, "signing" while root signatures are
	// missing, "finished" once the repository exists; empty before any bootstrap.
	State string `json:"state,omitempty"`
	// ID is the id of the bootstrap task.
	ID string `json:"id,omitempty"`
}

// PendingMetadata is the data of GET /metadata/sign: the documents that wait
// for signatures, and the ones to check them against.
type PendingMetadata struct {
	// Roles holds the waiting documents by role, byte for byte.
	Roles map[string]json.RawMessage
	// TrustedRoot and TrustedTargets are what the service says is trusted
	// today; nil where it sent none.
	TrustedRoot    json.RawMessage
	TrustedTargets json.RawMessage
}

// MarshalJSON writes the documents under "metadata".
func (p PendingMetadata) MarshalJSON() ([]byte, error) {
	all := maps.Clone(p.Roles)
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	if p.TrustedRoot != nil {
		all["trusted_root"] = p.TrustedRoot
	}
	if p.TrustedTargets != nil {
		all["trusted_targets"] = p.TrustedTargets
	}
	return json.Marshal(map[string]any{"metadata": all})
}

// UnmarshalJSON reads the documents under "metadata".
func (p *PendingMetadata) UnmarshalJSON(data []byte) error {
	var w struct {
		Metadata map[string]json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*p = PendingMetadata{Roles: map[string]json.RawMessage{}}
	for role, doc := range w.Metadata {
		switch {
		case string(doc) == "null":
		case role == "trusted_root":
			p.TrustedRoot = doc
		case role == "trusted_targets":
			p.TrustedTargets = doc
		default:
			p.Roles[role] = doc
		}
	}
	return nil
}

// RepositorySettings is the data of GET /config/. On the wire it is one flat
// object; roles' settings are named <role>_expiration, <role>_threshold,
// <role>_num_keys and <role>_signing.
type RepositorySettings struct {
	// Bootstrap is the id of the bootstrap task.
	Bootstrap string
	// Expiration, Threshold and NumKeys are by role; days for Expiration.
	Expiration map[string]int
	Threshold  map[string]int
	NumKeys    map[string]int
	// Signing holds the documents that wait for signatures by role; a role
	// that waited once and does not now has a nil entry.
	Signing map[string]json.RawMessage
	// NumberOfDelegatedBins is 0 where custom delegations are used.
	NumberOfDelegatedBins int
	// Delegations are those of the bootstrap payload; nil with hash bins.
	Delegations *Delegations
	// OnlineKey is the online key, nil where the service does not tell it, and
	// OnlineKeyID its id.
	OnlineKey        *Key
	OnlineKeyID      string
	TargetsOnlineKey bool
	TrustedRoot      json.RawMessage
	TrustedTargets   json.RawMessage
	// Extra holds every other setting, byte for byte.
	Extra map[string]json.RawMessage
}

// MarshalJSON writes the flat object.
func (s RepositorySettings) MarshalJSON() ([]byte, error) {
	flat := map[string]any{"targets_online_key": s.TargetsOnlineKey, "bootstrap": s.Bootstrap}
	for name, raw := range s.Extra {
		flat[name] = raw
	}
	for suffix, values := range map[string]map[string]int{"_expiration": s.Expiration, "_threshold": s.Threshold, "_num_keys": s.NumKeys} {
		for role, value := range values {
			flat[role+suffix] = value
		}
	}
	for role, doc := range s.Signing {
		flat[role+"_signing"] = doc
	}
	if s.NumberOfDelegatedBins != 0 {
		flat["number_of_delegated_bins"] = s.NumberOfDelegatedBins
	}
	if s.Delegations != nil {
		flat["delegations"] = s.Delegations
	}
	if s.OnlineKey != nil {
		key := *s.OnlineKey
		key.Extra = maps.Clone(key.Extra)
		if key.Extra == nil {
			key.Extra = map[string]json.RawMessage{}
		}
		id, err := json.Marshal(s.OnlineKeyID)
		if err != nil {
			return nil, err
		}
		key.Extra["keyid"] = id
		flat["online_key"] = key
	}
	if s.TrustedRoot != nil {
		flat["trusted_root"] = s.TrustedRoot
	}
	if s.TrustedTargets != nil {
		flat["trusted_targets"] = s.TrustedTargets
	}
	return json.Marshal(flat)
}

// UnmarshalJSON reads the flat object and keeps the settings it does not know.
func (s *RepositorySettings) UnmarshalJSON(data []byte) error {
	var flat map[string]json.RawMessage
	if err := json.Unmarshal(data, &flat); err != nil {
		return err
	}
	*s = RepositorySettings{
		Expiration: map[string]int{}, Threshold: map[string]int{}, NumKeys: map[string]int{},
		Signing: map[string]json.RawMessage{}, Extra: map[string]json.RawMessage{},
	}
	for name, raw := range flat {
		if err := s.set(name, raw); err != nil {
			return fmt.Errorf("setting %q: %w", name, err)
		}
	}
	return nil
}

// set takes one setting of the flat object.
func (s *RepositorySettings) set(name string, raw json.RawMessage) error {
	null := string(raw) == "null"
	switch name {
	case "bootstrap":
		return json.Unmarshal(raw, &s.Bootstrap)
	case "targets_online_key":
		return json.Unmarshal(raw, &s.TargetsOnlineKey)
	case "number_of_delegated_bins":
		return json.Unmarshal(raw, &s.NumberOfDelegatedBins)
	case "delegations":
		return json.Unmarshal(raw, &s.Delegations)
	case "online_key":
		return s.setOnlineKey(raw)
	case "trusted_root":
		if !null {
			s.TrustedRoot = raw
		}
		return nil
	case "trusted_targets":
		if !null {
			s.TrustedTargets = raw
		}
		return nil
	}
	if role, ok := strings.CutSuffix(name, "_signing"); ok {
		if null {
			raw = nil
		}
		s.Signing[role] = raw
		return nil
	}
	for suffix, values := range map[string]map[string]int{"_expiration": s.Expiration, "_threshold": s.Threshold, "_num_keys": s.NumKeys} {
		if role, ok := strings.CutSuffix(name, suffix); ok && !null {
			var value int
			if err := json.Unmarshal(raw, &value); err != nil {
				return err
			}
			values[role] = value
			return nil
		}
	}
	s.Extra[name] = raw
	return nil
}

// setOnlineKey takes the online key: a key object with its id.
func (s *RepositorySettings) setOnlineKey(raw json.RawMessage) error {
	if err := json.Unmarshal(raw, &s.OnlineKey); err != nil || s.OnlineKey == nil {
		return err
	}
	id, ok := s.OnlineKey.Extra["keyid"]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(id, &s.OnlineKeyID); err != nil {
		return fmt.Errorf("keyid: %w", err)
	}
	delete(s.OnlineKey.Extra, "keyid")
	return nil
}
