//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package terminal

import (
	"os"

	"golang.org/x/term"
)

// hide gives what reads a line that the terminal does not show.
func hide(in *os.File) (read func() ([]byte, error), err error) {
	return func() ([]byte, error) { return term.ReadPassword(int(in.Fd())) }, nil
}
