package cmd

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/keys"
	"example.org/rstuf/rstuf/internal/terminal"
)

// askRootKeys keeps each key as it is given.
func (c *ceremonyCommand) askRootKeys(ctx context.Context, t *terminal.Terminal, p *ceremony.Policy) error {
	list, err := askKeys(ctx, t, "root", p.Threshold, p.RootKeys, func(list []keys.Public) error {
		p.RootKeys = list
		return c.save(p)
	})
	if err == nil {
		p.RootKeys = list
	}
	return err
}

// askKeys asks for keys until there are enough and the person wants no more. It
// tells keep, which may be nil, of the list whenever it has changed.
func askKeys(ctx context.Context, t *terminal.Terminal, role string, threshold int, list []keys.Public, keep func([]keys.Public) error) ([]keys.Public, error) {
	kept := len(list)
	for {
		if len(list) != kept && keep != nil {
			if err := keep(list); err != nil {
				return nil, err
			}
			kept = len(list)
		}
		showKeys(t, role, list)
		action := 1
		if len(list) > 0 {
			options := []string{"continue", "add a key", "remove a key"}
			if len(list) < threshold {
				t.Printf("%d more needed for threshold %d.\n", threshold-len(list), threshold)
				options[0] = "continue (not yet: keys are missing)"
			}
			var err error
			if action, err = t.Choose(ctx, "What next", options, -1); err != nil {
				return nil, err
			}
		}
		switch {
		case action == 0 && len(list) >= threshold:
			return list, nil
		case action == 1:
			key, err := askKey(ctx, t, list)
			switch {
			case errors.Is(err, terminal.ErrBack) && len(list) > 0: // to what is next
			case err != nil:
				return nil, err
			default:
				list = append(slices.Clip(list), key)
			}
		case action == 2:
			i, err := t.Choose(ctx, "Key to remove", keyNames(list), -1)
			switch {
			case errors.Is(err, terminal.ErrBack):
			case err != nil:
				return nil, err
			default:
				list = slices.Delete(slices.Clone(list), i, i+1)
			}
		}
	}
}

func showKeys(t *terminal.Terminal, role string, list []keys.Public) {
	if len(list) == 0 {
		return
	}
	t.Printf("Keys of %s:\n", role)
	for _, key := range list {
		t.Printf("  - %s, %s, key id %s\n", key.Name(), key.Key().KeyType, key.ID())
	}
}

func keyNames(list []keys.Public) []string {
	names := make([]string, len(list))
	for i, key := range list {
		names[i] = key.Name()
	}
	return names
}

// askKey asks for one offline key that is not among the others.
func askKey(ctx context.Context, t *terminal.Terminal, others []keys.Public) (key keys.Public, err error) {
	kind, suggested := 0, ""
	err = t.Steps(ctx,
		func(ctx context.Context, _ bool) (err error) {
			kind, err = t.Choose(ctx, "Kind of key", []string{"public key file (PEM, certificate, key object)", "Sigstore identity"}, 0)
			return err
		},
		func(ctx context.Context, _ bool) (err error) {
			if kind == 0 {
				key, suggested, err = askPublicKey(ctx, t, "Public key file", others)
				return err
			}
			if key, err = askSigstore(ctx, t); err == nil {
				suggested = key.Key().Value["identity"]
			}
			return err
		},
		func(ctx context.Context, _ bool) error {
			name, err := t.Ask(ctx, "Name of the key", suggested, func(name string) error {
				if slices.ContainsFunc(others, func(k keys.Public) bool { return k.Name() == name }) {
					return errors.New("another key has this name")
				}
				return nil
			})
			key = key.WithName(name)
			return err
		},
	)
	return key, err
}

// askPublicKey asks for a file and suggests a name for its key.
func askPublicKey(ctx context.Context, t *terminal.Terminal, question string, others []keys.Public) (key keys.Public, name string, err error) {
	path, err := t.Ask(ctx, question, "", func(path string) (err error) {
		if key, err = keys.LoadPublic(path); err != nil {
			return err
		}
		if slices.ContainsFunc(others, func(k keys.Public) bool { return k.ID() == key.ID() }) {
			return errors.New("this key is in use already")
		}
		return nil
	})
	if name = key.Name(); name == "" {
		name = strings.TrimSuffix(filepath.Base(path), ".pub")
	}
	return key, quote.Line(name), err
}

func askSigstore(ctx context.Context, t *terminal.Terminal) (keys.Public, error) {
	t.Explain("Not all TUF clients can verify Sigstore signatures.\n")
	issuers := []string{"https://github.com/login/oauth", "https://accounts.google.com", "https://login.microsoft.com"}
	identity, issuer := "", 0
	err := t.Steps(ctx,
		func(ctx context.Context, _ bool) (err error) {
			identity, err = t.Ask(ctx, "Sigstore identity (email address)", "", func(text string) error {
				if !strings.Contains(text, "@") {
					return errors.New("please enter an email address")
				}
				return nil
			})
			return err
		},
		func(ctx context.Context, _ bool) (err error) {
			issuer, err = t.Choose(ctx, "Issuer", issuers, -1)
			return err
		},
	)
	return keys.Sigstore(identity, issuers[issuer], identity), err
}

// askOnlineKey asks for the online key and where the workers find it.
func askOnlineKey(ctx context.Context, t *terminal.Terminal, p *ceremony.Policy) error {
	t.Explain("The online key signs everything but root; the workers hold its private part.\n")
	var key keys.Public
	name, uri := "", ""
	err := t.Steps(ctx,
		func(ctx context.Context, _ bool) (err error) {
			key, name, err = askPublicKey(ctx, t, "Public key file of the online key", p.RootKeys)
			return err
		},
		func(ctx context.Context, _ bool) (err error) {
			name, err = t.Ask(ctx, "Name of the online key", name, nil)
			return err
		},
		func(ctx context.Context, _ bool) (err error) {
			t.Explain("fn:NAME is a file in the key folder of the service; with the key id for NAME the embedded service finds the key whatever its file is called. awskms:…, gcpkms:…, azurekms:… and hv:… are places elsewhere.\n")
			uri, err = t.Ask(ctx, "Where workers find it", "fn:"+key.ID(), func(uri string) error {
				if scheme, rest, ok := strings.Cut(uri, ":"); !ok || scheme == "" || rest == "" {
					return errors.New("please enter a scheme, a colon and a place")
				}
				return nil
			})
			return err
		},
	)
	if err == nil {
		p.OnlineKey = key.WithName(name).WithOnlineURI(uri)
	}
	return err
}
