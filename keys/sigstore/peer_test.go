package sigstore_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/sigstore"
	"example.org/rstuf/metadata"
)

var writeTo = flag.String("write", "", "a folder for roots that a Sigstore identity has signed, for .ci/interop-keys")

// TestWriteForPeers writes the roots that python-tuf is to verify, and whom it is
// to trust: one with the time of the log, one with that of an authority.
func TestWriteForPeers(t *testing.T) {
	if *writeTo == "" {
		t.Skip("-write names no folder")
	}
	instance := newInstance(t)
	verifier := verifierOf(t, instance)
	trusts.Store(verifier)
	require.NoError(t, os.WriteFile(filepath.Join(*writeTo, "trusted_root.json"), instance.TrustedRoot, 0o600))
	for name, timestamp := range map[string]string{"log": "", "authority": instance.TimestampURL} {
		config := configOf(instance, "")
		config.Timestamp = timestamp
		config.Token = func(context.Context, string) (string, error) { return instance.Token(carols), nil }
		signer, err := sigstore.NewSigner(keys.Sigstore(carol, issuer, "carol"), verifier, config)
		require.NoError(t, err)
		body, err := metadata.NewRoot([]keys.Public{signer.Public()}, 1, generate(t, "online").Public(), time.Now().AddDate(0, 0, 10))
		require.NoError(t, err)
		doc, err := metadata.New(body)
		require.NoError(t, err)
		by, err := metadata.RootSigners(doc)
		require.NoError(t, err)
		require.NoError(t, doc.SignFor(t.Context(), signer, by[0]))
		require.NoError(t, os.WriteFile(filepath.Join(*writeTo, name+".root.json"), doc.Bytes(), 0o600))
	}
}
