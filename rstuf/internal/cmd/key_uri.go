package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/exec"
	"example.org/rstuf/keys/vault"
	"github.com/spf13/pflag"
)

// uriFlags say how keys are opened that a URI names.
type uriFlags struct {
	dir          string
	vaultAddress string
	vaultMount   string
	vaultToken   secretFlags
}

func (u *uriFlags) add(flags *pflag.FlagSet, dir, dirText string) {
	flags.StringVar(&u.dir, "key-dir", dir, "`FOLDER` of fn: key URIs"+dirText)
	flags.StringVar(&u.vaultAddress, "vault-address", "", "`URL` of the Vault or OpenBao server of hv: key URIs")
	flags.StringVar(&u.vaultMount, "vault-mount", "transit", "`PATH` of its transit engine")
	u.vaultToken.add(flags, "vault-token", "its token")
}

// config opens keys by their URIs. A file's password comes from the flags or
// is asked for.
func (u *uriFlags) config(ctx context.Context, a *app, password *secretFlags) keys.URIConfig {
	cfg := keys.URIConfig{Dir: u.dir, Password: func(file string) ([]byte, error) {
		return a.secret(ctx, password, file, "the password of "+file, "Password of "+file)
	}}
	cfg.Openers = map[string]keys.URIOpener{"exec": func(ctx context.Context, uri string, cfg keys.URIConfig) (keys.Signer, error) {
		programs, err := a.programs(password)
		if err != nil {
			return nil, err
		}
		return exec.Opener(programs)(ctx, uri, cfg)
	}}
	for _, scheme := range cloudSchemes {
		cfg.Openers[scheme] = a.parts.opener(scheme)
	}
	cfg.Openers["sigstore"] = a.openSigstore
	if u.vaultAddress != "" {
		cfg.Openers["hv"] = vault.Opener(vault.Config{
			Address: u.vaultAddress,
			Mount:   u.vaultMount,
			Token: func(ctx context.Context) (string, error) {
				token, err := u.vaultToken.get(ctx, "")
				if err == nil && token == nil {
					err = usagef("the token of %s: give %s", u.vaultAddress, u.vaultToken.hint())
				}
				return string(token), err
			},
		})
	}
	return cfg
}

// programs are those of exec: URIs, which the settings name. What they ask
// comes from the flags of a password or from the person.
func (a *app) programs(password *secretFlags) (exec.Config, error) {
	settings, err := a.config()
	if err != nil {
		return exec.Config{}, err
	}
	programs, err := settings.Signers()
	return exec.Config{
		Signers: programs,
		Stderr:  func(signer, line string) { a.note("signer %s: %s", signer, line) },
		Ask: func(ctx context.Context, q exec.Question) ([]byte, error) {
			if q.Try > 1 && password.given() {
				return nil, fmt.Errorf("it did not take what --%s-* gave", password.name)
			}
			return a.secret(ctx, password, "exec:"+q.Signer, "the answer", "Signer "+q.Signer+" asks: "+q.Prompt)
		},
	}, err
}

// isURI tells a key's URI from the name of its file.
func isURI(name string) bool {
	_, err := os.Stat(name)
	return err != nil && strings.Contains(name, ":")
}

// checkKey wants the file of a key, or a URI.
func checkKey(name string) error {
	if isURI(name) {
		return nil
	}
	_, err := os.Stat(name)
	return err
}

// closeSigner wipes a key that is in memory.
func closeSigner(signer keys.Signer) {
	if c, ok := signer.(io.Closer); ok {
		_ = c.Close()
	}
}

// signer opens a key by its URI or its file.
func (a *app) signer(ctx context.Context, name string, uris *uriFlags, password *secretFlags) (keys.Signer, error) {
	if isURI(name) {
		return keys.OpenURI(ctx, name, uris.config(ctx, a, password))
	}
	key, err := a.loadPrivate(ctx, name, password)
	if err != nil {
		return nil, err // not key: a nil *keys.Private is no nil Signer
	}
	return key, nil
}
