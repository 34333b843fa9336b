package cmd

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/exec"
)

// A service runs no program because a payload's root names one, though the
// settings do, unless it was started with the scheme.
func TestServeRunsNoProgramUnasked(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "settings.yml")
	ran := settings + ".ran"
	require.NoError(t, os.WriteFile(settings, []byte("SIGNERS: {online: [touch, "+ran+"]}\n"), 0o600))
	ctx := context.Background()
	for _, test := range []struct {
		schemes []string
		uri     string
		is      error
		runs    bool
	}{
		{nil, "exec:online", keys.ErrNotAllowed, false},
		{[]string{"exec"}, "exec:other", exec.ErrUnknown, false},
		{[]string{"exec"}, "exec:online", nil, true},
	} {
		flags := serviceFlags{placeFlags: placeFlags{dir: t.TempDir()}, schemes: test.schemes}
		cfg, err := flags.config(ctx, &app{configPath: settings, stderr: io.Discard})
		require.NoError(t, err)
		_, err = keys.OpenURI(ctx, test.uri, cfg.Keys)
		require.Error(t, err)
		if test.is != nil {
			assert.ErrorIs(t, err, test.is)
		}
		_, err = os.Stat(ran)
		assert.Equal(t, test.runs, err == nil)
	}
}
