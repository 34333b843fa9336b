package cmd

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"example.org/rstuf/repository"
	"github.com/spf13/cobra"
)

// visibleTimeout is how long a change that the service has made may take until
// clients can see it, unless the flag says otherwise.
const visibleTimeout = time.Minute

// visibleFlags say where clients see what an API changes.
type visibleFlags struct{ repositoryFlags }

// visibleSource stands in the help of commands that wait for clients.
const visibleSource = `Where the metadata URL and a trusted root are known (--metadata-url and --root, or
the current repository of the settings if the API is theirs too), it also waits
until clients can see the change: a deployment says that it is done some seconds
before that.`

func (f *visibleFlags) add(cmd *cobra.Command) { f.repositoryFlags.add(cmd) }

// waitVisible waits until the repository is as expected, if it is known where
// that is.
func (a *app) waitVisible(ctx context.Context, f *visibleFlags, expected ...repository.Expected) error {
	named := f.metadata != "" || f.name != ""
	if !named && a.api.server != "" {
		return nil // the settings may be about another deployment
	}
	repo, err := a.repository(&f.repositoryFlags)
	if !named && (err != nil || len(repo.TrustedRoot) == 0 && f.root == "" && !f.unsafe) {
		return nil
	}
	if err != nil {
		return err
	}
	trusted, err := a.trustedRoot(ctx, &f.repositoryFlags, repo)
	if err != nil {
		return err
	}
	reader, err := a.lookFrom(repo.MetadataURL, trusted)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(a.api.timeout, visibleTimeout))
	defer cancel()
	if err := reader.WaitFor(ctx, expected...); err != nil {
		return fmt.Errorf("the service has done it, and clients can't see it at %s: %w", repo.MetadataURL, err)
	}
	return nil
}
