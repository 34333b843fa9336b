package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"example.org/rstuf/health"
	"example.org/rstuf/keys"
	"example.org/rstuf/rstuf/internal/terminal"
	"github.com/spf13/cobra"
)

func newKeyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make, show, convert and try keys",
		Example: `  rstuf key generate --type ed25519 --file alice --name alice
  rstuf key show alice.pub`,
	}
	cmd.AddCommand(newKeyGenerateCommand(a), newKeyShowCommand(a), newKeyConvertCommand(a), newKeySignTestCommand(a))
	return cmd
}

// loadPrivate reads a private key file. A password, if the file needs one,
// comes from the flags or is asked for, up to three times.
func (a *app) loadPrivate(ctx context.Context, path string, secret *secretFlags) (*keys.Private, error) {
	for try := 1; ; try++ {
		asked := false
		key, err := keys.Load(path, func() ([]byte, error) {
			password, err := secret.get(ctx, path)
			if err != nil || password != nil {
				return password, err
			}
			t, err := a.ask("the password of "+path, secret.hint())
			if err != nil {
				return nil, err
			}
			asked = true
			return t.Password(ctx, "Password of "+path)
		})
		switch {
		case err == nil:
			a.remarkPlain(path, key, secret)
			return key, nil
		case !asked || !errors.Is(err, keys.ErrPassword):
			return nil, err
		case try == terminal.Tries:
			return nil, fmt.Errorf("%w (%d tries)", err, try)
		}
		a.term.Printf("The password is wrong.\n")
	}
}

// remarkPlain says what somebody may not know about a key that is not
// encrypted.
func (a *app) remarkPlain(path string, key *keys.Private, secret *secretFlags) {
	if key.Encrypted() {
		return
	}
	if secret.given() {
		a.note("note: %s is not encrypted, the password was not needed", path)
	}
	if info, err := os.Stat(path); err == nil && !private(info) {
		a.note("warning: %s is not encrypted and others can read it (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
}

// saveFlags say how a private key is written.
type saveFlags struct {
	file  string
	plain bool
	force bool
	// password is the new file's.
	password secretFlags
}

func (s *saveFlags) add(cmd *cobra.Command, passwordName string) {
	flags := cmd.Flags()
	flags.StringVar(&s.file, "file", "", "write the private key to `FILE` and the public key to FILE.pub")
	flags.BoolVar(&s.plain, "plain", false, "write the private key without encryption, as a worker's key folder wants it")
	flags.BoolVar(&s.force, "force", false, "replace files that exist")
	s.password.add(flags, passwordName, "the new file's password")
}

// options gives what keys.Private.Save needs, and asks for a password if
// nothing says what it is.
func (s *saveFlags) options(ctx context.Context, a *app) (keys.SaveOptions, error) {
	opts := keys.SaveOptions{Plain: s.plain, Overwrite: s.force}
	for _, file := range []string{s.file, s.file + ".pub"} {
		if err := checkNew(file, s.force); err != nil {
			return opts, err
		}
	}
	if s.plain {
		if s.password.given() {
			return opts, usagef("--plain and a password contradict each other: give one of them")
		}
		return opts, nil
	}
	password, err := s.password.get(ctx, s.file)
	if err == nil && password == nil {
		password, err = a.newPassword(ctx, s)
	}
	opts.Password = password
	return opts, err
}

func (a *app) newPassword(ctx context.Context, s *saveFlags) ([]byte, error) {
	t, err := a.ask("the password of "+s.file, s.password.hint()+", or --plain for a key without one")
	if err != nil {
		return nil, err
	}
	return t.NewPassword(ctx, "Password for "+s.file)
}

// keyInfo is what the command says about a key.
type keyInfo struct {
	health.Key
	File string `json:"file,omitempty"`
	// Encrypted is nil for a public key.
	Encrypted *bool `json:"encrypted,omitempty"`
}

func describeKey(key keys.Public) keyInfo { return keyInfo{Key: health.DescribeKey(key)} }

func newKeyGenerateCommand(a *app) *cobra.Command {
	var (
		save       saveFlags
		kind, name string
	)
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make a key pair",
		Long: `Make a key pair: FILE holds the private key, encrypted unless --plain is
given (PKCS#8 PEM), and FILE.pub the public key (PEM). At a terminal, what no
flag says is asked for.`,
		Example: `  rstuf key generate
  rstuf key generate --type ed25519 --file alice --name alice
  rstuf key generate --type ecdsa --file online --plain
  rstuf key generate --type rsa --file bob --password-command 'pass show bob'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			t, err := a.keyType(ctx, kind)
			if err != nil {
				return err
			}
			if save.file == "" {
				if err := a.askKeyFile(ctx, &save.file, t); err != nil {
					return err
				}
			}
			opts, err := save.options(ctx, a)
			if err != nil {
				return err
			}
			defer clear(opts.Password)
			key, err := keys.Generate(t, name)
			if err != nil {
				return err
			}
			defer key.Close()
			if err := key.Save(save.file, opts); err != nil {
				return err
			}
			info := describeKey(key.Public())
			info.File, info.Encrypted = save.file, ptr(!opts.Plain)
			return a.result(info, func() {
				a.table([]string{"key id", "key type", "public key"}, [][]string{{info.ID, info.Type, shortPublic(info.Public)}})
				a.printf("private key: %s (%s)\npublic key:  %s.pub", save.file, encryption(opts.Plain), save.file)
			})
		},
	}
	cmd.Flags().StringVar(&kind, "type", "", "`TYPE` of key: ed25519, ecdsa (ecdsa-p256, ecdsa-p384), rsa (rsa-2048, rsa-3072, rsa-4096) or ml-dsa (ml-dsa-44, ml-dsa-65, ml-dsa-87)")
	cmd.Flags().StringVar(&name, "name", "", "the key's display `NAME`, shown with the result; key files do not hold it")
	save.add(cmd, "password")
	return cmd
}

// keyType reads the type or asks for it.
func (a *app) keyType(ctx context.Context, kind string) (keys.Type, error) {
	if kind != "" {
		t, err := keys.ParseType(kind)
		if err != nil {
			return "", usage(err)
		}
		return t, nil
	}
	t, err := a.ask("the type of key", "--type ed25519, --type ecdsa, --type rsa or --type ml-dsa")
	if err != nil {
		return "", err
	}
	options := []string{"ed25519", "ecdsa", "rsa"}
	i, err := t.Choose(ctx, "Type of key", options, 0)
	if err != nil {
		return "", err
	}
	return keys.ParseType(options[i])
}

func (a *app) askKeyFile(ctx context.Context, file *string, kind keys.Type) error {
	t, err := a.ask("the file name of the key", "--file")
	if err != nil {
		return err
	}
	*file, err = t.Ask(ctx, "File name", "id_"+strings.SplitN(string(kind), "-", 2)[0], func(name string) error {
		for _, path := range []string{name, name + ".pub"} {
			if err := checkNew(path, false); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func encryption(plain bool) string {
	if plain {
		return "not encrypted"
	}
	return "encrypted"
}

// shortPublic is a public value in one line: hex, the base64 of a PEM, or an
// identity.
func shortPublic(public string) string {
	if !strings.HasPrefix(public, "-----BEGIN") {
		return public
	}
	lines := strings.Split(strings.TrimSpace(public), "\n")
	if len(lines) < 3 {
		return public
	}
	return strings.Join(lines[1:len(lines)-1], "")
}

func ptr[T any](v T) *T { return &v }
