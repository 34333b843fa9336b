// Package exec signs with programs that hold a key, such as one for a smart
// card: whoever runs them gives each a short name, and a key URI exec:<name>
// names it. The key stays where the program has it.
//
// Start with [Open], or give [Opener] to [keys.OpenURI]:
//
//	signer, err := keys.OpenURI(ctx, "exec:yubi", keys.URIConfig{
//		Openers: map[string]keys.URIOpener{"exec": exec.Opener(exec.Config{
//			Signers: map[string][]string{"yubi": {"/usr/local/bin/yubi-signer", "-slot", "9c"}},
//		})},
//	})
//
// Whoever writes such a program in Go calls [Serve] in it; docs/signers.md has
// the exchange for other languages. [Check] tries a program, and so does
// `rstuf key sign-test exec:<name>`.
//
// What can be relied on:
//
//   - Only programs of [Config.Signers] are run. A URI holds a name and nothing
//     else: no root, draft, payload or server can choose a program or an argument.
//   - No shell is involved, and no secret is an argument or in the environment.
//   - Each signature is verified with the public key that the program gave when
//     it was opened, before it is returned.
//   - A program that hangs is killed with all that it has started in its
//     process group (on Windows it alone); what it prints is bounded, and shown
//     as one line at a time.
package exec
