// Package firstgen reads and writes the bootstrap payload of RSTUF's first
// releases (2023), whose deployments still stand. [Payload.Today] is the same
// repository in today's form.
package firstgen

import (
	"encoding/json"
	"maps"
	"math/bits"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/shape"
	"example.org/rstuf/internal/shape/requests"
)

// Payload is the body of POST /bootstrap/ in the first releases.
type Payload struct {
	Settings Settings `json:"settings"`
	// Metadata holds the signed root under "root", byte for byte.
	Metadata map[string]json.RawMessage `json:"metadata"`
	// Timeout is in seconds; 0 means the service's default, 300.
	Timeout int `json:"timeout,omitempty"`
}

// Settings are the settings of a repository.
type Settings struct {
	// Expiration gives each role's life in days: root, targets, snapshot,
	// timestamp, bins.
	Expiration map[string]int `json:"expiration"`
	Services   Services       `json:"services"`
}

// Services tells the workers how to run.
type Services struct {
	NumberOfDelegatedBins int `json:"number_of_delegated_bins"`
	// TargetsBaseURL is where artifacts are served; it ends in "/".
	TargetsBaseURL   string `json:"targets_base_url"`
	TargetsOnlineKey bool   `json:"targets_online_key"`
}

var payloadShape = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
	shape.Required("settings", &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("expiration", &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			shape.Required(rstuf.RoleRoot, requests.Days), shape.Required(rstuf.RoleTargets, requests.Days),
			shape.Required(rstuf.RoleSnapshot, requests.Days), shape.Required(rstuf.RoleTimestamp, requests.Days),
			shape.Required(rstuf.RoleBins, requests.Days),
		}}),
		shape.Required("services", &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			shape.Required("number_of_delegated_bins", requests.HashBins),
			shape.Required("targets_base_url", &shape.Shape{Kind: shape.String}),
			shape.Required("targets_online_key", &shape.Shape{Kind: shape.Bool}),
		}}),
	}}),
	// what stands in it is checked as today's
	shape.Required("metadata", &shape.Shape{Kind: shape.OpenObject, Elem: &shape.Shape{Kind: shape.Any}, Exact: true}),
	shape.Optional("timeout", requests.Timeout),
}}

// Is tells whether a body has the form of the first generation: its settings
// hold "services" or "expiration", and no "roles".
func Is(body []byte) bool {
	var w struct {
		Settings struct {
			Roles, Services, Expiration json.RawMessage
		} `json:"settings"`
	}
	return json.Unmarshal(body, &w) == nil && w.Settings.Roles == nil &&
		(w.Settings.Services != nil || w.Settings.Expiration != nil)
}

// Decode reads a payload and checks it; see [rstuf.Decode]. What is wrong is a
// [rstuf.ValidationError].
func Decode(body []byte) (*Payload, error) { return decode(body, false) }

// DecodeStrict is [Decode] for files that people write; see [rstuf.DecodeStrict].
func DecodeStrict(body []byte) (*Payload, error) { return decode(body, true) }

func decode(body []byte, strict bool) (*Payload, error) {
	p := new(Payload)
	if errs := shape.Decode(payloadShape, body, strict, p, p.rules); len(errs) > 0 {
		return nil, invalid(errs)
	}
	if err := p.Today().Validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// Validate checks the payload against the rules of the first releases.
func (p *Payload) Validate() error {
	errs, err := shape.Check(payloadShape, p, p.rules)
	switch {
	case err != nil:
		return err
	case len(errs) > 0:
		return invalid(errs)
	}
	return p.Today().Validate()
}

func invalid(errs []shape.Error) error {
	var list rstuf.ValidationError
	for _, e := range errs {
		list = append(list, rstuf.FieldError(e))
	}
	return list
}

func (p *Payload) rules() (errs []shape.Error) {
	fail := func(name, msg string) {
		errs = append(errs, shape.Value(msg, "body", "settings", "services", name))
	}
	services := p.Settings.Services
	if bits.OnesCount(uint(services.NumberOfDelegatedBins)) != 1 {
		fail("number_of_delegated_bins", "the number of bins must be a power of two")
	}
	if !strings.HasSuffix(services.TargetsBaseURL, "/") {
		fail("targets_base_url", "the base URL must end in /")
	}
	if !services.TargetsOnlineKey {
		fail("targets_online_key", "targets are signed by the online key: this must be true")
	}
	return errs
}

// Today is the same repository in today's form. The base URL of the artifacts
// has no place in it.
func (p *Payload) Today() *rstuf.BootstrapPayload {
	days := func(role string) rstuf.RoleSettings {
		return rstuf.RoleSettings{Expiration: p.Settings.Expiration[role]}
	}
	return &rstuf.BootstrapPayload{
		Settings: rstuf.Settings{Roles: rstuf.RolesSettings{
			Root:      days(rstuf.RoleRoot),
			Targets:   days(rstuf.RoleTargets),
			Snapshot:  days(rstuf.RoleSnapshot),
			Timestamp: days(rstuf.RoleTimestamp),
			Bins:      &rstuf.BinsSettings{Expiration: days(rstuf.RoleBins).Expiration, NumberOfDelegatedBins: p.Settings.Services.NumberOfDelegatedBins},
		}},
		Metadata: maps.Clone(p.Metadata),
		Timeout:  p.Timeout,
	}
}
