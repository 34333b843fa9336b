package health

import (
	"maps"
	"slices"
)

// The codes of findings.
const (
	apiUnread           = "api.unread"
	artifactsHashes     = "artifacts.hashes"
	artifactsHidden     = "artifacts.hidden"
	bootstrapNone       = "bootstrap.none"
	bootstrapRunning    = "bootstrap.running"
	bootstrapSigning    = "bootstrap.signing"
	clientReads         = "client.reads"
	keyClients          = "key.clients"
	keyUnusable         = "key.unusable"
	metadataSkipped     = "metadata.skipped"
	metadataUnread      = "metadata.unread"
	pendingExpired      = "pending.expired"
	pendingUnusable     = "pending.unusable"
	pendingWaits        = "pending.waits"
	roleExpired         = "role.expired"
	roleForgotten       = "role.forgotten"
	roleLarge           = "role.large"
	roleNoSlack         = "role.no-slack"
	rolePattern         = "role.pattern"
	roleRemoved         = "role.removed"
	roleSignatures      = "role.signatures"
	roleSingleKey       = "role.single-key"
	roleSoon            = "role.soon"
	roleUnread          = "role.unread"
	roleUnsigned        = "role.unsigned"
	rootDiffers         = "root.differs"
	rootRules           = "root.rules"
	rootUnpinned        = "root.unpinned"
	snapshotsUnread     = "snapshots.unread"
	mostCodes           = 50 // findings of one code that a report lists
	doSignAnew          = "make the next version, have it signed and send it (rstuf admin metadata update, sign)"
	doLookAtTheService  = "look at the service that signs with the online key: its log, its key, its schedule"
	doAddAKey           = "add a key in the next version"
	doUseCommonKeys     = "use ed25519 or ECDSA P-256 keys where these clients are served"
	doUseSHA256         = "add these artifacts again with sha256 alone"
	doRestoreTheFile    = "put the file back, or see what the service's own check says (rstuf fsck)"
	doAskForAccess      = "check the URL, the token and what it may read"
	doSpreadOverMore    = "spread the artifacts over more roles or hash bins"
	doLookAtDocsClients = "see docs/clients.md"
)

// codes has every code with its severity and what to do.
var codes = map[string]CodeInfo{
	apiUnread:        {Severity: Error, Do: doAskForAccess},
	artifactsHashes:  {Severity: Warning, Do: doUseSHA256},
	artifactsHidden:  {Severity: Warning, Do: "write a pattern that has the dot, or the path without it"},
	bootstrapNone:    {Severity: Error, Do: "hold a ceremony (rstuf admin ceremony); if there was a repository, the service has lost its database, or can't reach it"},
	bootstrapRunning: {Severity: Info, Do: "wait for its task"},
	bootstrapSigning: {Severity: Warning, Do: "have the root signed (rstuf admin metadata sign)"},
	clientReads:      {Severity: Warning, Do: doLookAtDocsClients},
	keyClients:       {Severity: Warning, Do: doUseCommonKeys},
	keyUnusable:      {Severity: Error, Do: "take it out in the next version"},
	metadataSkipped:  {Severity: Info, Do: "say where the metadata files are"},
	metadataUnread:   {Severity: Error, Do: doRestoreTheFile},
	pendingExpired:   {Severity: Error, Do: "stop it and begin anew (rstuf admin metadata stop-sign)"},
	pendingUnusable:  {Severity: Error, Do: "stop it and begin anew (rstuf admin metadata stop-sign)"},
	pendingWaits:     {Severity: Warning, Do: "have it signed (rstuf admin metadata sign)"},
	roleExpired:      {Severity: Error, Do: doSignAnew},
	roleForgotten:    {Severity: Warning, Do: doLookAtTheService},
	roleLarge:        {Severity: Warning, Do: doSpreadOverMore},
	roleNoSlack:      {Severity: Warning, Do: doAddAKey},
	rolePattern:      {Severity: Warning, Do: "replace it (rstuf admin delegations update), see docs/clients.md"},
	roleRemoved:      {Severity: Warning, Do: "tell people to begin anew from the root that they trust, with an empty cache; do not delete delegations"},
	roleSignatures:   {Severity: Error, Do: doSignAnew},
	roleSingleKey:    {Severity: Warning, Do: "raise the threshold to 2 or more in the next version"},
	roleSoon:         {Severity: Warning, Do: doSignAnew},
	roleUnread:       {Severity: Error, Do: doRestoreTheFile},
	roleUnsigned:     {Severity: Info, Do: "have its first version signed (rstuf admin metadata sign): until then clients that look for its paths report broken metadata"},
	rootDiffers:      {Severity: Error, Do: "have the metadata server serve what the service writes; caches in front of it too"},
	rootRules:        {Severity: Warning, Do: "mend it in the next root"},
	rootUnpinned:     {Severity: Info, Do: "give a root that came by a safe way (--root)"},
	snapshotsUnread:  {Severity: Info, Do: "the snapshots before the newest one tell whether a role was removed"},
}

// CodeInfo is what all findings of one code have in common.
type CodeInfo struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	// Do says what to do; a finding about a role that the online key signs may say
	// another thing.
	Do string `json:"do"`
}

// Codes are all codes that findings have, in alphabetic order.
func Codes() []CodeInfo {
	list := make([]CodeInfo, 0, len(codes))
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		info := codes[code]
		info.Code = code
		list = append(list, info)
	}
	return list
}
