package rstuf

import "encoding/json"

// Names of the top-level roles (TUF specification, section 2), and of the
// setting that stands for all hash bins.
const (
	RoleRoot      = "root"
	RoleTargets   = "targets"
	RoleSnapshot  = "snapshot"
	RoleTimestamp = "timestamp"
	RoleBins      = "bins"
)

// RoleSettings is what a bootstrap payload says of one top-level role.
type RoleSettings struct {
	// Expiration is the role's life in days, at least 1.
	Expiration int `json:"expiration"`
}

// BinsSettings is what a bootstrap payload says of the hash bins.
type BinsSettings struct {
	Expiration int `json:"expiration"`
	// NumberOfDelegatedBins is a power of two from 2 to 16384.
	NumberOfDelegatedBins int `json:"number_of_delegated_bins"`
}

// Delegations are custom delegated roles and their keys, in a bootstrap
// payload and in requests to add or update roles (POST and PUT /delegations/).
type Delegations struct {
	Keys  map[string]Key  `json:"keys"`
	Roles []DelegatedRole `json:"roles"`
}

// DelegatedRole is one custom delegated role (TUF specification, section 4.5).
// A role without key ids is signed by the online key and has threshold 1.
type DelegatedRole struct {
	Name        string
	KeyIDs      []string
	Threshold   int
	Terminating bool
	// Paths are patterns as in the TUF specification: "*" and "?" do not
	// match "/".
	Paths []string
	// PathHashPrefixes are lower-case hex prefixes of SHA-256 of the path.
	PathHashPrefixes []string
	// ExpirePolicy is the role's life in days, x-rstuf-expire-policy.
	ExpirePolicy int
	// Extra holds every other field, byte for byte.
	Extra map[string]json.RawMessage
}

type delegatedRoleWire struct {
	Name             string   `json:"name"`
	Terminating      bool     `json:"terminating"`
	KeyIDs           []string `json:"keyids"`
	Threshold        int      `json:"threshold"`
	Paths            []string `json:"paths,omitempty"`
	PathHashPrefixes []string `json:"path_hash_prefixes,omitempty"`
	ExpirePolicy     int      `json:"x-rstuf-expire-policy,omitempty"`
}

// MarshalJSON writes the role with its extra fields.
func (r DelegatedRole) MarshalJSON() ([]byte, error) {
	keyIDs := r.KeyIDs
	if keyIDs == nil {
		keyIDs = []string{}
	}
	return marshalWithExtra(delegatedRoleWire{r.Name, r.Terminating, keyIDs, r.Threshold, r.Paths, r.PathHashPrefixes, r.ExpirePolicy}, r.Extra)
}

// UnmarshalJSON reads a role and keeps the fields it does not know.
func (r *DelegatedRole) UnmarshalJSON(data []byte) error {
	var w delegatedRoleWire
	extra, err := unmarshalWithExtra(data, &w)
	if err != nil {
		return err
	}
	*r = DelegatedRole{w.Name, w.KeyIDs, w.Threshold, w.Terminating, w.Paths, w.PathHashPrefixes, w.ExpirePolicy, extra}
	return nil
}

// Online tells whether the online key signs this role.
func (r DelegatedRole) Online() bool { return len(r.KeyIDs) == 0 }
