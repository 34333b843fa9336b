package cmd

import (
	"context"
	"fmt"
	"strings"

	"example.org/rstuf/keys"
)

// SigstoreServices are what the settings name to sign with as an identity.
type SigstoreServices struct {
	Fulcio, Rekor, Timestamp string
	// Token gives an OIDC token; nil for that of the CI runner.
	Token func(ctx context.Context, audience string) (string, error)
}

// maxTrustedRoot is far above any trusted root of Sigstore, in bytes.
const maxTrustedRoot = 1 << 20

// useSigstore makes the signatures of Sigstore keys count, if this build can and
// the settings name a trusted root. It is called once, before a command begins.
func (a *app) useSigstore() error {
	if a.parts.Sigstore == nil {
		return nil
	}
	settings, err := a.config()
	if err != nil {
		return err
	}
	named, err := settings.Sigstore()
	if err != nil || named == nil {
		return err
	}
	trusted, err := readBounded(named.TrustedRoot, maxTrustedRoot)
	if err != nil {
		return fmt.Errorf("SIGSTORE in %s: %w", a.configPath, err)
	}
	verify, opener, err := a.parts.Sigstore(trusted)
	if err != nil {
		return fmt.Errorf("SIGSTORE in %s: %s: %w", a.configPath, named.TrustedRoot, err)
	}
	keys.RegisterSigstore(verify)
	services := SigstoreServices{Fulcio: named.Fulcio, Rekor: named.Rekor, Timestamp: named.Timestamp}
	if named.TokenFile != "" || named.TokenCommand != "" {
		secret := &secretFlags{name: "token", file: named.TokenFile, command: named.TokenCommand, fd: -1}
		services.Token = func(ctx context.Context, _ string) (string, error) {
			token, err := secret.get(ctx, "sigstore:")
			return string(token), err
		}
	}
	a.sigstore = opener(services)
	return nil
}

// openSigstore opens the URI sigstore:.
func (a *app) openSigstore(ctx context.Context, uri string, cfg keys.URIConfig) (keys.Signer, error) {
	if a.sigstore == nil {
		return nil, a.noSigstore()
	}
	return a.sigstore(ctx, uri, cfg)
}

// noSigstore says how to get what checks and signs as a Sigstore identity.
func (a *app) noSigstore() error {
	if a.parts.Sigstore == nil {
		return missing("what checks and signs as a Sigstore identity")
	}
	return fmt.Errorf("%w here: the settings %s name no trusted root of Sigstore: set SIGSTORE, see docs/cli.md", keys.ErrUnsupported, a.configPath)
}

// hintSigstore is what to do about a text that says that a Sigstore key was met;
// empty if it does not.
func (a *app) hintSigstore(text string) string {
	if !strings.Contains(text, keys.ErrNoSigstore.Error()) {
		return ""
	}
	return "Sigstore: " + a.noSigstore().Error()
}

// noteSigstore notes it.
func (a *app) noteSigstore(text string) {
	if hint := a.hintSigstore(text); hint != "" {
		a.note("note: %s", hint)
	}
}
