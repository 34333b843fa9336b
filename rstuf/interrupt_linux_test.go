package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// openPTY makes a terminal: what is written to the first is typed at the
// second.
func openPTY(t *testing.T) (keyboard, tty *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { keyboard.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { tty.Close() })
	return keyboard, tty
}

// TestInterrupt presses Ctrl-C at a password prompt: the command ends with its
// exit code, echo is on again, and no file is left.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keyboard, tty := openPTY(t)
	cmd := exec.Command("rstuf", "key", "generate", "--type", "ed25519", "--file", "id")
	cmd.Dir = dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, cmd.Start())
	stop := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer stop.Stop()

	var screen bytes.Buffer
	for one := make([]byte, 1); !bytes.HasSuffix(screen.Bytes(), []byte("Password for id: ")); {
		_, err := keyboard.Read(one)
		require.NoError(t, err, "the screen shows %q", screen.String())
		screen.Write(one)
	}
	state := func() uint32 {
		termios, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
		require.NoError(t, err)
		return termios.Lflag & unix.ECHO
	}
	require.Eventually(t, func() bool { return state() == 0 }, 10*time.Second, time.Millisecond, "echo is off at the prompt")
	_, err := keyboard.Write([]byte("sword\x03"))
	require.NoError(t, err)

	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	assert.Equal(t, exitInterrupted, exit.ExitCode())
	assert.NotZero(t, state(), "echo is on again")
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}
