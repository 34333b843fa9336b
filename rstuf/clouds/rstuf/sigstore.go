package main

import (
	"os"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/sigstore"
	"example.org/rstuf/rstuf/internal/cmd"
)

// useSigstore checks and signs with package sigstore.
func useSigstore(trustedRoot []byte) (keys.SigstoreVerifier, func(cmd.SigstoreServices) keys.URIOpener, error) {
	verifier, err := sigstore.NewVerifier(trustedRoot)
	if err != nil {
		return nil, nil, err
	}
	return verifier.Verify, func(s cmd.SigstoreServices) keys.URIOpener {
		config := sigstore.Config{Fulcio: s.Fulcio, Rekor: s.Rekor, Timestamp: s.Timestamp, Token: s.Token}
		if config.Token == nil {
			config.Token = sigstore.RunnerToken(os.Getenv)
		}
		return sigstore.Opener(verifier, config)
	}, nil
}
