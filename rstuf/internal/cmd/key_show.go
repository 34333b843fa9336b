package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/exec"
)

func newKeyShowCommand(a *app) *cobra.Command {
	var (
		secret secretFlags
		uris   uriFlags
	)
	cmd := &cobra.Command{
		Use:   "show FILE...",
		Short: "Show name, key id, type and client support of keys",
		Long: `Show keys: private or public, of any format that RSTUF people have (PEM, DER,
OpenSSH, certificates, TUF key objects, files of RSTUF's first releases). Only
the public half is shown. An encrypted file needs its password, its .pub does
not. A key's URI, such as exec:NAME, may stand in place of a file.`,
		Example: `  rstuf key show alice.pub bob.pub
  rstuf key show --json id_ed25519.pub`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			infos := make([]keyInfo, len(args))
			for i, path := range args {
				info, err := a.keyOfFile(cmd.Context(), path, &uris, &secret)
				if err != nil {
					return err
				}
				infos[i] = info
			}
			return a.result(infos, func() {
				for i, info := range infos {
					if i > 0 {
						a.printf("")
					}
					a.printKey(info)
				}
			})
		},
	}
	uris.add(cmd.Flags(), ".", "")
	secret.add(cmd.Flags(), "password", "the password")
	return cmd
}

func (a *app) printKey(info keyInfo) {
	name := info.Name
	if name == "" {
		name = "(none)"
	}
	kind := info.Type
	if info.Scheme != info.Type {
		kind += ", " + info.Scheme
	}
	what := "public key"
	if info.Encrypted != nil {
		what = "private key, " + encryption(!*info.Encrypted)
	}
	a.printf("file:    %s (%s)", info.File, what)
	a.printf("name:    %s\nkey id:  %s\ntype:    %s\npublic:  %s", name, info.ID, kind, shortPublic(info.Public))
	if info.URI != "" {
		a.printf("uri:     %s", info.URI)
	}
	for i, c := range info.Clients {
		head, text := "        ", "works"
		if i == 0 {
			head = "clients:"
		}
		if !c.Works {
			text = "does not work"
		}
		if c.Note != "" {
			text += ": " + c.Note
		}
		a.printf("%s %-10s %s", head, c.Name, text)
	}
}

// keyOfFile describes the key of a file, private or public, or of a URI.
func (a *app) keyOfFile(ctx context.Context, path string, uris *uriFlags, secret *secretFlags) (keyInfo, error) {
	if isURI(path) {
		pub, err := a.publicOf(ctx, path, uris, secret)
		info := describeKey(pub)
		info.File = path
		return info, err
	}
	pub, publicErr := keys.LoadPublic(path)
	if publicErr == nil {
		if pub.IsSigstore() && !pub.Verifiable() {
			a.note("note: %s: %v", path, a.noSigstore())
		}
		info := describeKey(pub)
		info.File = path
		return info, nil
	}
	key, err := a.loadPrivate(ctx, path, secret)
	if errors.Is(err, keys.ErrNotPrivate) || errors.Is(err, keys.ErrNotKey) {
		return keyInfo{}, publicErr
	}
	if err != nil {
		return keyInfo{}, err
	}
	defer key.Close()
	info := describeKey(key.Public())
	info.File, info.Encrypted = path, ptr(key.Encrypted())
	return info, nil
}

func newKeyConvertCommand(a *app) *cobra.Command {
	var (
		save           saveFlags
		secret         secretFlags
		uris           uriFlags
		form, out, uri string
		name           string
	)
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "Write a key in another format",
		Long: `Write a key in another format:

  private  PKCS#8 PEM, encrypted or --plain, and the public key beside it;
           it needs --file
  public   the public key as PEM
  tuf      the TUF key object (JSON), as metadata holds it

public and tuf go to standard output unless --out names a file. A file of any
format that "rstuf key show" reads can be converted, and public and tuf also
take a key's URI, such as exec:NAME.`,
		Example: `  rstuf key convert --to private --file alice.new alice
  rstuf key convert --to private --plain --file keys/online id_ecdsa
  rstuf key convert --to tuf --name alice alice.pub`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "to"); err != nil {
				return err
			}
			if form == "private" {
				return a.convertPrivate(cmd.Context(), args[0], &secret, &save)
			}
			if save.file != "" || save.plain {
				return usagef("--file and --plain go with --to private: use --out")
			}
			pub, err := a.publicOf(cmd.Context(), args[0], &uris, &secret)
			if err != nil {
				return err
			}
			if name != "" {
				pub = pub.WithName(name)
			}
			if uri != "" {
				pub = pub.WithOnlineURI(uri)
			}
			data, err := encodePublic(pub, form)
			if err != nil {
				return err
			}
			if out != "" {
				return writeFile(out, data, save.force)
			}
			return a.writeJSON(data) // a PEM has nothing to escape
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&form, "to", "", "`FORM`: private, public or tuf")
	flags.StringVar(&out, "out", "", "write a public key to `FILE`")
	flags.StringVar(&name, "name", "", "display `NAME` of the TUF key object")
	flags.StringVar(&uri, "uri", "", "`URI` where a worker finds the private key, of the TUF key object")
	uris.add(flags, ".", "")
	secret.add(flags, "password", "the present password")
	save.add(cmd, "new-password")
	return cmd
}

func encodePublic(pub keys.Public, form string) ([]byte, error) {
	switch form {
	case "public":
		return pub.MarshalPEM()
	case "tuf":
		return encodeJSON(pub)
	}
	return nil, usagef("--to %s: use private, public or tuf", form)
}

func (a *app) convertPrivate(ctx context.Context, path string, secret *secretFlags, save *saveFlags) error {
	if save.file == "" {
		return usagef("--to private needs --file, the file to write")
	}
	key, err := a.loadPrivate(ctx, path, secret)
	if err != nil {
		return err
	}
	defer key.Close()
	opts, err := save.options(ctx, a)
	if err != nil {
		return err
	}
	defer clear(opts.Password)
	if err := key.Save(save.file, opts); err != nil {
		return err
	}
	info := describeKey(key.Public())
	info.File, info.Encrypted = save.file, ptr(!opts.Plain)
	return a.result(info, func() {
		a.printf("wrote %s (%s) and %s.pub, key id %s", save.file, encryption(opts.Plain), save.file, info.ID)
	})
}

// publicOf gives the public key of a file, private or public, or of a URI.
func (a *app) publicOf(ctx context.Context, path string, uris *uriFlags, secret *secretFlags) (keys.Public, error) {
	if isURI(path) {
		signer, err := keys.OpenURI(ctx, path, uris.config(ctx, a, secret))
		if err != nil {
			return keys.Public{}, err
		}
		defer closeSigner(signer)
		return signer.Public(), nil
	}
	pub, publicErr := keys.LoadPublic(path)
	if publicErr == nil {
		return pub, nil
	}
	key, err := a.loadPrivate(ctx, path, secret)
	if errors.Is(err, keys.ErrNotPrivate) || errors.Is(err, keys.ErrNotKey) {
		return keys.Public{}, publicErr
	}
	if err != nil {
		return keys.Public{}, err
	}
	defer key.Close()
	return key.Public(), nil
}

func newKeySignTestCommand(a *app) *cobra.Command {
	var (
		secret secretFlags
		uris   uriFlags
		uri    string
	)
	cmd := &cobra.Command{
		Use:   "sign-test [FILE]",
		Short: "Sign and verify a test message with a private key",
		Long: `Sign a test message with a private key, a file or an online key's URI, and
verify the signature. Do this before a key is published: a root that names a
key which cannot sign stops the repository.

A program of the settings (exec:NAME) is also held against the exchange that
docs/signers.md describes.`,
		Example: `  rstuf key sign-test alice
  rstuf key sign-test exec:yubi
  rstuf key sign-test --uri fn:online --key-dir /var/lib/rstuf/keys`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if name, ok := strings.CutPrefix(cmp.Or(append(args, uri)...), "exec:"); ok {
				if err := a.checkProgram(cmd.Context(), name, &secret); err != nil {
					return err
				}
			}
			signer, err := a.testSigner(cmd.Context(), args, uri, &uris, &secret)
			if err != nil {
				return err
			}
			message := []byte("rstuf key sign-test " + time.Now().UTC().Format(time.RFC3339))
			start := time.Now()
			sig, err := signer.Sign(cmd.Context(), message)
			if err != nil {
				return err
			}
			took := time.Since(start)
			if err := signer.Public().Verify(message, sig); err != nil {
				return err
			}
			result := struct {
				keyInfo
				Milliseconds float64 `json:"milliseconds"`
				Bytes        int     `json:"signature_bytes"`
			}{describeKey(signer.Public()), float64(took.Microseconds()) / 1000, len(sig)}
			return a.result(result, func() {
				a.printf("key %s signs: a signature of %d bytes in %.1f ms, verified", result.ID, result.Bytes, result.Milliseconds)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&uri, "uri", "", "the key's `URI`, in place of a file")
	uris.add(flags, ".", "")
	secret.add(flags, "password", "the password")
	return cmd
}

// checkProgram holds a program of the settings against the exchange.
func (a *app) checkProgram(ctx context.Context, name string, secret *secretFlags) error {
	programs, err := a.programs(secret)
	if err != nil {
		return err
	}
	results, err := exec.Check(ctx, programs, name)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Err != nil {
			return fmt.Errorf("check %q: %w", r.Name, r.Err)
		}
		a.progress("ok: %s", r.Name)
	}
	return nil
}

func (a *app) testSigner(ctx context.Context, args []string, uri string, uris *uriFlags, secret *secretFlags) (keys.Signer, error) {
	switch {
	case (len(args) == 1) == (uri != ""):
		return nil, usagef("give a key file or --uri, and not both")
	case uri != "":
		return keys.OpenURI(ctx, uri, uris.config(ctx, a, secret))
	}
	return a.signer(ctx, args[0], uris, secret)
}
