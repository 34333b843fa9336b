package rstuf

import "encoding/json"

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

// SettingsUpdate is the body of PUT /config/: {"settings": {"expiration": …}}.
type SettingsUpdate struct {
	// Expiration gives new lives in days by the name of a role; "bins" stands
	// for all hash bins.
	Expiration map[string]int
}

type settingsUpdateWire struct {
	Settings struct {
		Expiration map[string]int `json:"expiration"`
	} `json:"settings"`
}

// MarshalJSON writes the lives under "settings".
func (s SettingsUpdate) MarshalJSON() ([]byte, error) {
	var w settingsUpdateWire
	w.Settings.Expiration = s.Expiration
	return json.Marshal(w)
}

// UnmarshalJSON reads the lives under "settings".
func (s *SettingsUpdate) UnmarshalJSON(data []byte) error {
	var w settingsUpdateWire
	err := json.Unmarshal(data, &w)
	s.Expiration = w.Settings.Expiration
	return err
}

// DelegationsUpdate is the body of POST and PUT /delegations/.
type DelegationsUpdate struct {
	Delegations Delegations `json:"delegations"`
}

// DelegationsDelete is the body of POST /delegations/delete:
// {"delegations": {"roles": [{"name": …}]}}.
type DelegationsDelete struct {
	// Roles are the names of the roles.
	Roles []string
}

type delegationsDeleteWire struct {
	Delegations struct {
		Roles []namedRole `json:"roles"`
	} `json:"delegations"`
}

type namedRole struct {
	Name string `json:"name"`
}

// MarshalJSON writes the names as objects under "delegations".
func (d DelegationsDelete) MarshalJSON() ([]byte, error) {
	var w delegationsDeleteWire
	w.Delegations.Roles = []namedRole{}
	for _, name := range d.Roles {
		w.Delegations.Roles = append(w.Delegations.Roles, namedRole{name})
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads the names of the objects under "delegations".
func (d *DelegationsDelete) UnmarshalJSON(data []byte) error {
	var w delegationsDeleteWire
	err := json.Unmarshal(data, &w)
	d.Roles = nil
	for _, role := range w.Delegations.Roles {
		d.Roles = append(d.Roles, role.Name)
	}
	return err
}
