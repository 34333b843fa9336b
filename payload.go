package rstuf

import "encoding/json"

// DefaultBootstrapTimeout is the time in seconds that a bootstrap may take
// before the service lets go of it.
const DefaultBootstrapTimeout = 300

// BootstrapPayload is the body of POST /bootstrap/: the settings of a new
// repository and its first root, as the ceremony made it. It holds public data
// only.
type BootstrapPayload struct {
	Settings Settings `json:"settings"`
	// Metadata holds the signed documents by role; today only root.
	// They are kept byte for byte, since signatures cover them.
	Metadata map[string]json.RawMessage `json:"metadata"`
	// Timeout is in seconds; 0 means the service's default, 300.
	Timeout int `json:"timeout,omitempty"`
}

// Root is the root document in the payload, or nil.
func (p *BootstrapPayload) Root() json.RawMessage { return p.Metadata[RoleRoot] }

// Settings are the repository settings of a bootstrap payload.
type Settings struct {
	Roles RolesSettings `json:"roles"`
}

// RolesSettings gives each role's life, and how artifacts are spread over
// delegated roles: exactly one of Bins and Delegations is set.
type RolesSettings struct {
	Root        RoleSettings  `json:"root"`
	Targets     RoleSettings  `json:"targets"`
	Snapshot    RoleSettings  `json:"snapshot"`
	Timestamp   RoleSettings  `json:"timestamp"`
	Bins        *BinsSettings `json:"bins"`
	Delegations *Delegations  `json:"delegations"`
}

// MetadataUpdate is the body of POST /metadata/: the next root.
type MetadataUpdate struct {
	Metadata map[string]json.RawMessage `json:"metadata"`
}

// OnlineBump is the body of POST /metadata/online: the online roles to sign
// anew. An empty list means all of them.
type OnlineBump struct {
	Roles []string `json:"roles"`
}

// MetadataSign is the body of POST /metadata/sign: one signature for a role
// that waits for signatures.
type MetadataSign struct {
	Role      string    `json:"role"`
	Signature Signature `json:"signature"`
}

// MetadataSignDelete is the body of POST /metadata/sign/delete: stop the
// signing of a role.
type MetadataSignDelete struct {
	Role string `json:"role"`
}

// SettingsUpdate is the body of PUT /config/: new lives, in days, by role.
type SettingsUpdate struct {
	Settings ExpirationSettings `json:"settings"`
}

// ExpirationSettings gives days by the name of a role; "bins" stands for all
// hash bins.
type ExpirationSettings struct {
	Expiration map[string]int `json:"expiration"`
}

// DelegationsUpdate is the body of POST and PUT /delegations/.
type DelegationsUpdate struct {
	Delegations Delegations `json:"delegations"`
}

// DelegationsDelete is the body of POST /delegations/delete.
type DelegationsDelete struct {
	Delegations DelegationNames `json:"delegations"`
}

// DelegationNames lists roles by name.
type DelegationNames struct {
	Roles []DelegationName `json:"roles"`
}

// DelegationName names one delegated role.
type DelegationName struct {
	Name string `json:"name"`
}
