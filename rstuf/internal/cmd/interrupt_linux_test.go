package cmd

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/rstuf/internal/terminal/terminaltest"
)

// TestInterrupt presses Ctrl-C at a password prompt: the command ends with its
// exit code, echo is on again, and no file is left.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keyboard, tty := terminaltest.Open(t)
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
	assert.False(t, terminaltest.Echo(t, tty), "echo is off before the prompt shows")
	_, err := keyboard.Write([]byte("sword\x03"))
	require.NoError(t, err)

	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	assert.Equal(t, exitInterrupted, exit.ExitCode())
	assert.True(t, terminaltest.Echo(t, tty), "echo is on again")
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}
