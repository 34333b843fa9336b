// Package cmd is the command rstuf, for the programs that are builds of it.
package cmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Main carries out the command that the program was started with, and ends it.
func Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
