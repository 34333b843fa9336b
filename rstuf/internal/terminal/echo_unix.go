//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package terminal

import (
	"os"

	"golang.org/x/sys/unix"
)

// hide has a terminal not show what is typed, from now on, and gives what reads a line.
func hide(in *os.File) (read func() ([]byte, error), err error) {
	fd := int(in.Fd())
	state, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	state.Lflag &^= unix.ECHO
	return func() ([]byte, error) { return readLine(in) }, unix.IoctlSetTermios(fd, setTermios, state)
}
