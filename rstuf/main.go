// Command rstuf does everything of the SDK from a shell: it makes keys, holds
// root-signing ceremonies, bootstraps and runs a repository, publishes and
// downloads artifacts, and serves a whole RSTUF on one machine.
//
// Run "rstuf help" to see its commands, "rstuf COMMAND --help" for one of them
// with an example, and docs/cli.md of the module for exit codes, the policy
// file and where secrets come from.
package main

import "example.org/rstuf/rstuf/internal/cmd"

func main() { cmd.Main(cmd.Parts{}) }
