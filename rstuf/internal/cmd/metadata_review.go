package cmd

import (
	"context"
	"fmt"
	"time"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/quote"
	"github.com/spf13/cobra"
)

// reviewCommand is what the flags of rstuf admin metadata review say.
type reviewCommand struct {
	*app
	in, role, draftFile string
	markdown            bool
	pinned              pinFlags
}

func newMetadataReviewCommand(a *app) *cobra.Command {
	c := &reviewCommand{app: a}
	cmd := &cobra.Command{
		Use:   "review",
		Short: "Review a draft, or what a deployment waits for, without signing it",
		Long: `Show what a signer sees before signing: contents, changes, warnings, the
fingerprint, who has signed and who is missing, of a draft or of all that a
deployment waits for. --markdown is the form for a pull request.

With --root (and --metadata-url if newer roots followed it) it is compared with
the root that you trust; without, the review says that nobody has done that.
Exit code 4 until all signatures are there; it changes nothing and can be run as
often as one likes.`,
		Example: `  rstuf admin metadata review --draft draft.json --markdown
  rstuf admin --api-server https://rstuf.example.com metadata review --root root.json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&c.draftFile, "draft", "", "review the draft in `FILE`")
	flags.StringVar(&c.in, "in", "", "read `FILE`, an answer of GET /api/v1/metadata/sign, in place of the API")
	flags.StringVar(&c.role, "role", "", "`NAME` of one role")
	flags.BoolVar(&c.markdown, "markdown", false, "print Markdown")
	c.pinned.add(cmd)
	return cmd
}

func (c *reviewCommand) run(ctx context.Context) error {
	if c.draftFile != "" && c.in != "" {
		return usagef("--draft and --in contradict each other")
	}
	drafts, err := c.drafts(ctx)
	if err != nil {
		return err
	}
	roots, err := c.pinnedRoots(ctx, &c.pinned)
	if err != nil {
		return err
	}
	reviews := []ceremony.Review{}
	missing := 0
	for _, draft := range drafts {
		if c.role != "" && draft.Role() != c.role {
			continue
		}
		if c.pinned.unsafeServer {
			draft.TrustServerRootUnsafe()
		} else if len(roots) > 0 {
			if err := draft.Pin(roots...); err != nil {
				return err
			}
		}
		review := draft.Review(time.Now())
		if !review.Status.Complete() {
			missing++
		}
		reviews = append(reviews, review)
	}
	err = c.result(reviews, func() {
		if len(reviews) == 0 {
			c.printf("nothing waits for signatures")
		}
		for _, review := range reviews {
			if c.markdown {
				fmt.Fprint(c.stdout, review.Markdown()) // for others: a terminal's width is none of its matters
				continue
			}
			c.printf("%s", quote.Ours(review.String()))
			c.noteSigstore(review.String())
		}
	})
	if err == nil && missing > 0 {
		err = waitingError{fmt.Sprintf("signatures are missing of %s", quote.Count(missing, "document"))}
	}
	return err
}

func (c *reviewCommand) drafts(ctx context.Context) ([]*ceremony.Draft, error) {
	if c.draftFile != "" {
		draft, err := ceremony.LoadDraft(c.draftFile)
		return []*ceremony.Draft{draft}, err
	}
	drafts, _, err := c.pendingDrafts(ctx, c.in)
	return drafts, err
}
