package main

import (
	"context"
	"os"
	"strings"

	"example.org/rstuf/keys"
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
		secret, err := password.get(ctx, file)
		if err != nil || secret != nil {
			return secret, err
		}
		t, err := a.ask("the password of "+file, password.hint())
		if err != nil {
			return nil, err
		}
		return t.Password(ctx, "Password of "+file)
	}}
	if u.vaultAddress != "" {
		cfg.Openers = map[string]keys.URIOpener{"hv": vault.Opener(vault.Config{
			Address: u.vaultAddress,
			Mount:   u.vaultMount,
			Token: func(ctx context.Context) (string, error) {
				token, err := u.vaultToken.get(ctx, "")
				if err == nil && token == nil {
					err = usagef("the token of %s: give %s", u.vaultAddress, u.vaultToken.hint())
				}
				return string(token), err
			},
		})}
	}
	return cfg
}

// signer opens a key by its URI or its file.
func (a *app) signer(ctx context.Context, name string, uris *uriFlags, password *secretFlags) (keys.Signer, error) {
	if _, err := os.Stat(name); err != nil && strings.Contains(name, ":") {
		return keys.OpenURI(ctx, name, uris.config(ctx, a, password))
	}
	key, err := a.loadPrivate(ctx, name, password)
	if err != nil {
		return nil, err // not key: a nil *keys.Private is no nil Signer
	}
	return key, nil
}
