// Package ceremony is what people do with offline keys: make the first root of
// a repository, make the next one, and sign what waits for signatures.
//
// A ceremony is data, then signatures. Start with a [Policy] (or [LoadPolicy])
// and [New] for a first root, with [Next] for a change of keys, threshold or
// expiry, and with [Pending] for what a deployment waits for. Each gives a
// [Draft], which is the same thing from then on: look at its [Draft.Review],
// [Draft.Sign] it, [Draft.Save] it and carry it to the next person, who loads,
// reviews and signs it too, or sign copies at the same time and [Draft.Merge]
// them. [Draft.Status] always knows who is missing. What comes out is
// [Draft.Payload] for a bootstrap, [Draft.Update] for a deployment that exists,
// or [Draft.Send] for single signatures. [PlanRoles] turns changes of custom
// delegated roles into requests; the online key signs the outcome.
//
// What it promises:
//
//   - Nothing is signed unseen: a draft that came from elsewhere is not signed
//     before the signer's own root was compared with the one that it rests on
//     ([Draft.Pin]), and a review shows all that the document changes. Only
//     the draft of a first root rests on nothing but its review.
//   - Nothing wrong is added or sent: every signature is checked first, with
//     the keys that the trusted root or targets name, and drafts of different
//     content never merge.
//   - Nothing is lost: files are written whole or not at all, and never over
//     others unasked. Signatures may come in any order.
//   - Nothing secret is kept: policies, drafts and payloads hold public data.
//   - Files are untrusted input: size, nesting, encoding and every field are
//     checked, and an error says what is wrong and where.
//
// Nothing here asks questions, and only functions with a path or an [API] do
// any I/O.
package ceremony
