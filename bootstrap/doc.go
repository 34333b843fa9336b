// Package bootstrap takes care of the payload that starts a repository: the
// file that a ceremony writes and people carry, and its trip to a deployment.
//
// Start with [ReadFile] for a payload file of either generation of RSTUF,
// [Check] to find out whether a service can take it, [Run] to send it, and
// [WriteFile] to make such a file of a ceremony's payload (package ceremony).
//
// What it promises: a file that is written again keeps its bytes; a file that
// exists is never replaced unasked; nothing that is wrong with a payload is
// left for the service to find, as far as public data tells; [Run] can be run
// again at any time, and never sends a payload twice.
package bootstrap
