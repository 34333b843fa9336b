package cmd

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"example.org/rstuf/internal/files"
	"example.org/rstuf/service"
	"github.com/spf13/cobra"
)

// readTokens reads the file of --tokens.
func readTokens(path string) ([]service.Token, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	tokens, err := service.ParseTokens(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("%s: it holds no token", path)
	}
	return tokens, nil
}

// newSecret is a token that nobody guesses.
func newSecret() string {
	raw := make([]byte, 32)
	rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func newServeTokenCommand(a *app) *cobra.Command {
	var file, may string
	var paths []string
	cmd := &cobra.Command{
		Use:   "token NAME",
		Short: "Make a token for rstuf serve",
		Long: `Make a bearer token for the callers of rstuf serve --tokens FILE. The token is
printed once; the file gets its hash, its name and what it may do:

  all         everything
  read        look at the state, settings, tasks, metrics, pending signatures
  artifacts   add, remove and publish artifacts, and look at tasks
  sign        look at what waits for signatures, and sign it
  /PATH, METHOD:/PATH   one endpoint

or several of these with commas in between. The service reads the file when it
starts. The log names the token that asked for a change.`,
		Example: `  rstuf serve token admin --tokens tokens
  rstuf serve token ci --tokens tokens --may artifacts --path project-a/`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if file == "" {
				return usagef("--tokens is missing: name the file that the token is added to")
			}
			secret := newSecret()
			token, err := service.NewToken(args[0], secret)
			if err != nil {
				return usagef("%v", err)
			}
			if token.Endpoints, err = service.ParseEndpoints(may); err != nil {
				return usagef("--may: %v", err)
			}
			token.Paths = paths
			if err := addToken(file, token, may); err != nil {
				return err
			}
			return a.result(map[string]string{"name": token.Name, "token": secret}, func() { a.printf("%s", secret) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&file, "tokens", "", "`FILE` that the token is added to, made if it is not there")
	flags.StringVar(&may, "may", "all", "what the token may `DO`")
	flags.StringArrayVar(&paths, "path", nil, "`START` of the paths of artifacts that the token may change; may be repeated")
	return cmd
}

// addToken adds a line to a file of tokens, unless it is not such a file or has
// the name already.
func addToken(file string, token service.Token, may string) error {
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	tokens, err := service.ParseTokens(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, old := range tokens {
		if old.Name == token.Name {
			return fmt.Errorf("%s has a token %s already: remove its line, or choose another name", file, token.Name)
		}
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		data = append(data, '\n')
	}
	return files.Replace(file, token.AppendLine(data, may))
}
