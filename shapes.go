package rstuf

// The shapes of the requests, as the API's OpenAPI document gives them.

func bound(n int64) *int64 { return &n }

var (
	anyShape      = &shape{kind: anyKind}
	stringShape   = &shape{kind: stringKind}
	optString     = &shape{kind: stringKind, nullable: true}
	intShape      = &shape{kind: intKind}
	boolShape     = &shape{kind: boolKind}
	optBool       = &shape{kind: boolKind, nullable: true}
	optObject     = &shape{kind: openObjectKind, elem: anyShape, nullable: true}
	stringsShape  = &shape{kind: listKind, elem: stringShape}
	optStrings    = &shape{kind: listKind, elem: stringShape, nullable: true}
	daysShape     = &shape{kind: intKind, gt: bound(0), lt: bound(MaxExpiration + 1)}
	keyMapShape   = &shape{kind: openObjectKind, elem: keyShape}
	roleListShape = &shape{kind: listKind, elem: delegatedRoleShape}

	keyShape = &shape{kind: openFieldsKind, fields: []field{
		{"keytype", stringShape, true},
		{"scheme", stringShape, true},
		{"keyval", &shape{kind: openObjectKind, elem: stringShape, keys: []string{"public", "issuer", "identity"}}, true},
		{"name", optString, false},
		{"x-rstuf-key-name", optString, false},
		{"x-rstuf-online-key-uri", optString, false},
	}}

	delegatedRoleShape = &shape{kind: openFieldsKind, fields: []field{
		{"name", stringShape, true},
		{"terminating", boolShape, true},
		{"keyids", stringsShape, true},
		{"threshold", &shape{kind: intKind, gt: bound(0)}, true},
		{"paths", &shape{kind: listKind, elem: stringShape, minItems: 1}, true},
		{"path_hash_prefixes", optStrings, false},
		{"x-rstuf-expire-policy", daysShape, true},
	}}

	delegationsShape = &shape{kind: objectKind, fields: []field{
		{"keys", keyMapShape, true},
		{"roles", roleListShape, true},
	}}

	signatureShape = &shape{kind: openFieldsKind, fields: []field{
		{"keyid", stringShape, true},
		{"sig", stringShape, true},
		{"bundle", optObject, false},
	}}

	signedRootShape = &shape{kind: openFieldsKind, fields: []field{
		{"_type", stringShape, true},
		{"version", intShape, true},
		{"spec_version", stringShape, true},
		{"expires", stringShape, true},
		{"keys", &shape{kind: openObjectKind, elem: keyShape, nullable: true}, false},
		{"consistent_snapshot", optBool, false},
		{"roles", &shape{kind: openObjectKind, nullable: true, keys: []string{"root", "targets", "snapshot", "timestamp", "bins"},
			elem: &shape{kind: openFieldsKind, fields: []field{{"keyids", stringsShape, true}, {"threshold", intShape, true}}}}, false},
	}}

	rootDocumentShape = &shape{kind: openFieldsKind, fields: []field{
		{"signatures", &shape{kind: listKind, elem: signatureShape}, true},
		{"signed", signedRootShape, true},
	}}

	rootMetadataShape = &shape{kind: objectKind, fields: []field{{"root", rootDocumentShape, true}}}

	roleShape = &shape{kind: objectKind, fields: []field{{"expiration", daysShape, true}}}

	rolesShape = &shape{kind: objectKind, fields: []field{
		{"root", roleShape, true},
		{"targets", roleShape, true},
		{"snapshot", roleShape, true},
		{"timestamp", roleShape, true},
		{"bins", &shape{kind: objectKind, nullable: true, fields: []field{
			{"expiration", daysShape, true},
			{"number_of_delegated_bins", &shape{kind: intKind, gt: bound(MinHashBins - 1), lt: bound(MaxHashBins + 1)}, true},
		}}, false},
		{"delegations", &shape{kind: objectKind, nullable: true, fields: delegationsShape.fields}, false},
	}}

	bootstrapShape = &shape{kind: objectKind, fields: []field{
		{"settings", &shape{kind: objectKind, fields: []field{{"roles", rolesShape, true}}}, true},
		{"metadata", rootMetadataShape, true},
		{"timeout", &shape{kind: intKind, nullable: true, gt: bound(-1)}, false},
	}}

	artifactShape = &shape{kind: objectKind, fields: []field{
		{"path", stringShape, true},
		{"info", &shape{kind: objectKind, fields: []field{
			{"length", intShape, true},
			{"hashes", &shape{kind: openObjectKind, elem: stringShape}, true},
			{"custom", optObject, false},
		}}, true},
	}}

	addArtifactsShape = &shape{kind: objectKind, fields: []field{
		{"artifacts", &shape{kind: listKind, elem: artifactShape}, true},
		{"add_task_id_to_custom", boolShape, false},
		{"publish_artifacts", boolShape, false},
	}}

	deleteArtifactsShape = &shape{kind: objectKind, fields: []field{
		{"artifacts", stringsShape, true},
		{"publish_artifacts", boolShape, false},
	}}

	settingsUpdateShape = &shape{kind: objectKind, fields: []field{
		{"settings", &shape{kind: objectKind, fields: []field{
			{"expiration", &shape{kind: openObjectKind, elem: daysShape}, true},
		}}, true},
	}}

	metadataUpdateShape = &shape{kind: objectKind, fields: []field{{"metadata", rootMetadataShape, true}}}
	onlineBumpShape     = &shape{kind: objectKind, fields: []field{{"roles", stringsShape, true}}}
	roleNameShape       = &shape{kind: objectKind, fields: []field{{"role", stringShape, true}}}

	metadataSignShape = &shape{kind: objectKind, fields: []field{
		{"role", stringShape, true},
		{"signature", signatureShape, true},
	}}

	delegationsUpdateShape = &shape{kind: objectKind, fields: []field{{"delegations", delegationsShape, true}}}

	delegationsDeleteShape = &shape{kind: objectKind, fields: []field{
		{"delegations", &shape{kind: objectKind, fields: []field{
			{"roles", &shape{kind: listKind, elem: &shape{kind: objectKind, fields: []field{{"name", stringShape, true}}}}, true},
		}}, true},
	}}
)

func (*BootstrapPayload) shape() *shape   { return bootstrapShape }
func (*SettingsUpdate) shape() *shape     { return settingsUpdateShape }
func (*MetadataUpdate) shape() *shape     { return metadataUpdateShape }
func (*OnlineBump) shape() *shape         { return onlineBumpShape }
func (*MetadataSign) shape() *shape       { return metadataSignShape }
func (*MetadataSignDelete) shape() *shape { return roleNameShape }
func (*DelegationsUpdate) shape() *shape  { return delegationsUpdateShape }
func (*DelegationsDelete) shape() *shape  { return delegationsDeleteShape }
func (*AddArtifacts) shape() *shape       { return addArtifactsShape }
func (*DeleteArtifacts) shape() *shape    { return deleteArtifactsShape }
