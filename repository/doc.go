// Package repository reads a published repository and trusts nobody's word:
// the client workflow of the TUF specification, section 5, on package
// metadata.
//
// Start with [New], which takes where the repository is and what is trusted:
//
//	reader, err := repository.New(repository.Config{
//		MetadataURL:  "https://metadata.example.com",
//		ArtifactsURL: "https://files.example.com",
//		Cache:        folder,
//	}, repository.TrustRoot(root))
//	info, err := reader.Download(ctx, "app-1.0.tar.gz", "app.tar.gz")
//
// [Reader.Info] looks up one artifact, [Reader.Artifacts] all, [Reader.Roles]
// the roles with their keys and signatures, [Reader.Roots] the chain of roots.
// [Reader.Mirror] makes a verified copy for others, and [Reader.WaitFor] waits
// until clients can see what was published.
//
// # What the package promises
//
// Trust grows and never shrinks. Every root is verified by the one before it,
// from the trusted one on; whatever was verified bounds all that follows, in
// memory and in the cache, but for what a rotation of keys makes void (section
// 5.3.11). What comes from the cache is verified like what comes from the
// network. A server can go back to nothing that this Reader, or another one on
// the same cache, has seen.
//
// Expiry is judged when something is used, not when it was fetched: a program
// that runs on gets [ErrExpired] from Info and Download once their metadata is
// over.
//
// Whoever's key is of an unknown kind counts as no signature, and the others
// may still reach the threshold.
//
// Not found means that the repository has no such artifact, as the
// specification says it. A role that waits for its first signatures is
// [ErrNotSigned], a file that the server lacks is [ErrUnpublished].
//
// Files are bounded by what their parent says of them, else by documented
// limits. A Reader may be used from several goroutines; none waits for the
// network of another, but for a refresh that both want.
package repository
