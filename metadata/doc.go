// Package metadata holds signed TUF documents: root, targets with delegated
// roles and hash bins, snapshot and timestamp.
//
// Start with [Parse], which reads a file, or [New], which makes a document of
// a [Root], [Targets], [Snapshot] or [Timestamp]. [RootSigners],
// [Root.Delegation] and [Targets.Delegation] say who must sign a role;
// [Document.SignFor] and [Document.AddSignatureFor] sign for it, and
// [Delegation.Verify] tells who has, who is missing, and what is wrong with a
// signature that does not count.
//
// For roots: [NewRoot] and [Root.Next] with the edits of [Root],
// [CheckNextRoot] before anybody signs, [VerifyNextRoot] and [VerifyRootChain]
// when a root is to be trusted, [CheckRoot] and [CheckDelegations] for the rules
// of RSTUF.
//
// For targets: [HashBins] and [Delegations.RolesFor] say which role a path
// belongs to; [TargetsWriter] and [Document.TargetFiles] write and read roles
// of many artifacts as streams.
//
// What it promises:
//
//   - The document is its bytes. Signatures cover the canonical form of the
//     signed part as it was received; nothing is lost, added or rounded when a
//     document is passed on, and a typed copy keeps the fields that this
//     package does not know, at every level.
//   - A signature that is wrong, or whose key is of an unknown kind, spoils
//     nothing while others suffice. A key counts once, under whatever ids, and
//     who signs for roles signs under every id that counts. An empty signature
//     is a missing one.
//   - Input is not trusted: size, depth and time are bounded, and what is
//     ambiguous (duplicate fields, numbers with a fraction, invalid UTF-8, two
//     signatures by one id) is refused with the place of the error.
//   - A nil or zero [Document] and what else is nothing is an error, not a
//     panic; [HashBins.Name] panics like an index out of range.
//
// Dates are read in all forms of RFC 3339 and kept as they came. What is made
// here, typed copies too, has seconds of UTC, the form of the specification
// (section 4.2.1) and the only one that python-tuf reads, so that [CheckRoot]
// wants it.
//
// New files are compact, their signed part in canonical form; RSTUF's worker
// writes the same with white space. Neither changes what signatures cover.
//
// It differs from go-tuf where RSTUF needs it: key ids do not cover a key's
// name, Sigstore keys stay as they are, unknown kinds of keys do not make a
// verification fail, hash prefixes of delegations are hex, large integers
// and the other fields of a stranger survive.
package metadata
