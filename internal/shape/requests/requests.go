// Package requests has the shapes of the requests that RSTUF's API takes, as its
// OpenAPI document gives them: the root package checks requests against them, and
// the service describes itself with them.
package requests

import (
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/internal/shape"
)

func bound(n int64) *int64 { return &n }

// The shapes of requests, and of what stands in them.
var (
	anyShape      = &shape.Shape{Kind: shape.Any}
	stringShape   = &shape.Shape{Kind: shape.String}
	optString     = &shape.Shape{Kind: shape.String, Nullable: true}
	intShape      = &shape.Shape{Kind: shape.Int}
	boolShape     = &shape.Shape{Kind: shape.Bool}
	optBool       = &shape.Shape{Kind: shape.Bool, Nullable: true}
	optObject     = &shape.Shape{Kind: shape.OpenObject, Elem: anyShape, Nullable: true}
	stringsShape  = &shape.Shape{Kind: shape.List, Elem: stringShape}
	optStrings    = &shape.Shape{Kind: shape.List, Elem: stringShape, Nullable: true}
	keyMapShape   = &shape.Shape{Kind: shape.OpenObject, Elem: Key}
	roleListShape = &shape.Shape{Kind: shape.List, Elem: delegatedRoleShape}

	// Days is the life of a role, HashBins the number of bins, and Timeout that
	// of a bootstrap in seconds.
	Days     = &shape.Shape{Kind: shape.Int, Gt: bound(0), Lt: bound(rules.MaxExpiration + 1)}
	HashBins = &shape.Shape{Kind: shape.Int, Gt: bound(rules.MinHashBins - 1), Lt: bound(rules.MaxHashBins + 1)}
	Timeout  = &shape.Shape{Kind: shape.Int, Nullable: true, Gt: bound(-1)}

	Key = &shape.Shape{Kind: shape.OpenFields, Fields: []shape.Field{
		shape.Required("keytype", stringShape),
		shape.Required("scheme", stringShape),
		shape.Required("keyval", &shape.Shape{Kind: shape.OpenObject, Elem: stringShape, Keys: []string{"public", "issuer", "identity"}}),
		shape.Optional("name", optString),
		shape.Optional("x-rstuf-key-name", optString),
		shape.Optional("x-rstuf-online-key-uri", optString),
	}}

	delegatedRoleShape = &shape.Shape{Kind: shape.OpenFields, Fields: []shape.Field{
		shape.Required("name", stringShape),
		shape.Required("terminating", boolShape),
		shape.Required("keyids", stringsShape),
		shape.Required("threshold", &shape.Shape{Kind: shape.Int, Gt: bound(0)}),
		shape.Required("paths", &shape.Shape{Kind: shape.List, Elem: stringShape, MinItems: 1}),
		shape.Optional("path_hash_prefixes", optStrings),
		shape.Required("x-rstuf-expire-policy", Days),
	}}

	Delegations = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("keys", keyMapShape),
		shape.Required("roles", roleListShape),
	}}

	signatureShape = &shape.Shape{Kind: shape.OpenFields, Fields: []shape.Field{
		shape.Required("keyid", stringShape),
		shape.Required("sig", stringShape),
		shape.Optional("bundle", optObject),
	}}

	signedRootShape = &shape.Shape{Kind: shape.OpenFields, Fields: []shape.Field{
		shape.Required("_type", stringShape),
		shape.Required("version", intShape),
		shape.Required("spec_version", stringShape),
		shape.Required("expires", stringShape),
		shape.Optional("keys", &shape.Shape{Kind: shape.OpenObject, Elem: Key, Nullable: true}),
		shape.Optional("consistent_snapshot", optBool),
		shape.Optional("roles", &shape.Shape{Kind: shape.OpenObject, Nullable: true, Keys: []string{"root", "targets", "snapshot", "timestamp", "bins"},
			Elem: &shape.Shape{Kind: shape.OpenFields, Fields: []shape.Field{shape.Required("keyids", stringsShape), shape.Required("threshold", intShape)}}}),
	}}

	RootDocument = &shape.Shape{Kind: shape.OpenFields, Exact: true, Fields: []shape.Field{
		shape.Required("signatures", &shape.Shape{Kind: shape.List, Elem: signatureShape}),
		shape.Required("signed", signedRootShape),
	}}

	rootMetadataShape = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{shape.Required("root", RootDocument)}}

	roleShape = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{shape.Required("expiration", Days)}}

	rolesShape = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("root", roleShape),
		shape.Required("targets", roleShape),
		shape.Required("snapshot", roleShape),
		shape.Required("timestamp", roleShape),
		shape.Optional("bins", &shape.Shape{Kind: shape.Object, Nullable: true, Fields: []shape.Field{
			shape.Required("expiration", Days),
			shape.Required("number_of_delegated_bins", HashBins),
		}}),
		shape.Optional("delegations", &shape.Shape{Kind: shape.Object, Nullable: true, Fields: Delegations.Fields}),
	}}

	Bootstrap = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("settings", &shape.Shape{Kind: shape.Object, Fields: []shape.Field{shape.Required("roles", rolesShape)}}),
		shape.Required("metadata", rootMetadataShape),
		shape.Optional("timeout", Timeout),
	}}

	artifactShape = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("path", stringShape),
		shape.Required("info", &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			shape.Required("length", intShape),
			shape.Required("hashes", &shape.Shape{Kind: shape.OpenObject, Elem: stringShape}),
			shape.Optional("custom", optObject),
		}}),
	}}

	AddArtifacts = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("artifacts", &shape.Shape{Kind: shape.List, Elem: artifactShape}),
		shape.Optional("add_task_id_to_custom", boolShape),
		shape.Optional("publish_artifacts", boolShape),
	}}

	DeleteArtifacts = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("artifacts", stringsShape),
		shape.Optional("publish_artifacts", boolShape),
	}}

	SettingsUpdate = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("settings", &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			shape.Required("expiration", &shape.Shape{Kind: shape.OpenObject, Elem: Days}),
		}}),
	}}

	MetadataUpdate     = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{shape.Required("metadata", rootMetadataShape)}}
	OnlineBump         = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{shape.Required("roles", stringsShape)}}
	MetadataSignDelete = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{shape.Required("role", stringShape)}}

	MetadataSign = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("role", stringShape),
		shape.Required("signature", signatureShape),
	}}

	DelegationsUpdate = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{shape.Required("delegations", Delegations)}}

	DelegationsDelete = &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("delegations", &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			shape.Required("roles", &shape.Shape{Kind: shape.List, Elem: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{shape.Required("name", stringShape)}}}),
		}}),
	}}
)
