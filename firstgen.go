package rstuf

import (
	"encoding/json"
	"maps"
	"math/bits"
	"strings"

	"example.org/rstuf/internal/shape"
)

// FirstGenerationPayload is the bootstrap payload of RSTUF's first releases
// (2023). [FirstGenerationPayload.Payload] gives today's form of it.
type FirstGenerationPayload struct {
	Settings FirstGenerationSettings    `json:"settings"`
	Metadata map[string]json.RawMessage `json:"metadata"`
	// Timeout is in seconds; 0 means the service's default, 300.
	Timeout int `json:"timeout,omitempty"`
}

// FirstGenerationSettings are the settings of a first-generation payload.
type FirstGenerationSettings struct {
	// Expiration gives each role's life in days: root, targets, snapshot,
	// timestamp, bins.
	Expiration map[string]int          `json:"expiration"`
	Services   FirstGenerationServices `json:"services"`
}

// FirstGenerationServices tells the workers of the first generation how to
// run.
type FirstGenerationServices struct {
	NumberOfDelegatedBins int `json:"number_of_delegated_bins"`
	// TargetsBaseURL is where artifacts are served; it ends in "/".
	TargetsBaseURL   string `json:"targets_base_url"`
	TargetsOnlineKey bool   `json:"targets_online_key"`
}

var firstGenerationShape = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
	shape.Required("settings", &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("expiration", &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			shape.Required("root", daysShape), shape.Required("targets", daysShape), shape.Required("snapshot", daysShape),
			shape.Required("timestamp", daysShape), shape.Required("bins", daysShape),
		}}),
		shape.Required("services", &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			shape.Required("number_of_delegated_bins", &shape.Shape{Kind: shape.Int, Gt: bound(MinHashBins - 1), Lt: bound(MaxHashBins + 1)}),
			shape.Required("targets_base_url", stringShape),
			shape.Required("targets_online_key", boolShape),
		}}),
	}}),
	shape.Required("metadata", rootMetadataShape),
	shape.Optional("timeout", &shape.Shape{Kind: shape.Int, Nullable: true, Gt: bound(-1)}),
}}

func (*FirstGenerationPayload) shape() *shape.Shape { return firstGenerationShape }

// Validate checks the payload against the rules of the first releases.
func (p *FirstGenerationPayload) Validate() error { return validate(p) }

func (p *FirstGenerationPayload) rules() (errs ValidationError) {
	services := p.Settings.Services
	at := func(name string) []any { return []any{"body", "settings", "services", name} }
	if bits.OnesCount(uint(services.NumberOfDelegatedBins)) != 1 {
		errs = append(errs, valueError("the number of bins must be a power of two", at("number_of_delegated_bins")...))
	}
	if !strings.HasSuffix(services.TargetsBaseURL, "/") {
		errs = append(errs, valueError("the base URL must end in /", at("targets_base_url")...))
	}
	if !services.TargetsOnlineKey {
		errs = append(errs, valueError("targets are signed by the online key: this must be true", at("targets_online_key")...))
	}
	return append(errs, signedFieldRules(p.Metadata[RoleRoot])...)
}

// Payload is the same repository in today's form. The base URL of the
// artifacts has no place in it.
func (p *FirstGenerationPayload) Payload() *BootstrapPayload {
	days := p.Settings.Expiration
	return &BootstrapPayload{
		Settings: Settings{Roles: RolesSettings{
			Root:      RoleSettings{days[RoleRoot]},
			Targets:   RoleSettings{days[RoleTargets]},
			Snapshot:  RoleSettings{days[RoleSnapshot]},
			Timestamp: RoleSettings{days[RoleTimestamp]},
			Bins:      &BinsSettings{days[RoleBins], p.Settings.Services.NumberOfDelegatedBins},
		}},
		Metadata: maps.Clone(p.Metadata),
		Timeout:  p.Timeout,
	}
}

// IsFirstGeneration tells whether body has the form of a first-generation
// payload: its settings hold "services" or "expiration", and no "roles".
func IsFirstGeneration(body []byte) bool {
	var w struct {
		Settings struct {
			Roles, Services, Expiration json.RawMessage
		} `json:"settings"`
	}
	return json.Unmarshal(body, &w) == nil && w.Settings.Roles == nil &&
		(w.Settings.Services != nil || w.Settings.Expiration != nil)
}
