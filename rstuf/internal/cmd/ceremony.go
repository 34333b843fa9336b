package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/wire"
)

// ceremonyCommand is what the flags of rstuf admin ceremony say.
type ceremonyCommand struct {
	*app
	drafting
	policyFile string
	defaults   bool
	unsafeOne  bool
	timeout    int
	bootstrap  bool
	upload     string
	answers    answers
}

func newCeremonyCommand(a *app) *cobra.Command {
	c := &ceremonyCommand{app: a}
	cmd := &cobra.Command{
		Use:   "ceremony",
		Short: "Make and sign the first root, and bootstrap a repository with it",
		Long: `Make the first root of a repository with its settings, have it signed, and
bootstrap an RSTUF deployment with it.

At a terminal all that is needed is asked for. A policy (--policy) answers
questions in advance, and what it leaves open is asked; where there is no
terminal that is an error. See docs/cli.md for the form of a policy.

With --draft the ceremony goes from one person to the next: the file holds
what is signed so far (public data only). The first run makes it of a policy,
each further run adds signatures (--key), and copies that were signed at the
same time are put together with --merge. Exit code 4 says that signatures are
still missing. Once they are there the payload is sent or written; with -b it
is sent earlier and the service waits for the rest.

Without a server --dry-run is needed. "-b -u FILE" sends a payload file.`,
		Example: `  rstuf admin --api-server https://rstuf.example.com ceremony
  rstuf admin ceremony --dry-run --out
  rstuf admin ceremony --policy policy.yml --key alice --key bob --dry-run --out payload.json
  rstuf admin ceremony --policy policy.yml --draft draft.json     # prepare
  rstuf admin ceremony --draft draft.json --key alice             # at Alice's
  rstuf admin --api-server https://rstuf.example.com ceremony --draft draft.json --key bob
  rstuf admin --api-server https://rstuf.example.com ceremony -b -u payload.json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.run(cmd.Context(), cmd.Flags().Changed("timeout"))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&c.policyFile, "policy", "", "answers in advance: a policy `FILE` (YAML or JSON)")
	flags.BoolVar(&c.defaults, "defaults", false, "take the defaults for lives and hash bins that the policy leaves open, unasked")
	flags.BoolVar(&c.unsafeOne, "allow-threshold-one-unsafe", false, "allow a single root key to decide alone, as the first releases did")
	flags.IntVarP(&c.timeout, "timeout", "t", ceremony.DefaultTimeout, "`SECONDS` that the bootstrap may take")
	flags.BoolVarP(&c.bootstrap, "bootstrap", "b", false, "send the payload, even while signatures are missing")
	optionalString(cmd, &c.upload, "upload", "u", "payload.json", "with -b: send the payload `FILE` of an earlier ceremony (without a value: payload.json)")
	c.drafting.add(cmd, "the ceremony", "ceremony-payload.json")
	return cmd
}

func (c *ceremonyCommand) run(ctx context.Context, timeoutGiven bool) error {
	if c.upload != "" {
		if !c.bootstrap || c.policyFile != "" || c.draftFile != "" || c.out != "" || c.dryRun {
			return usagef("--upload goes with --bootstrap alone: it sends a finished payload")
		}
		return c.sendBootstrapFile(ctx, c.upload)
	}
	switch {
	case c.dryRun && c.bootstrap:
		return usagef("--dry-run and --bootstrap contradict each other")
	case c.timeout < 1:
		return usagef("--timeout %d: want seconds, at least 1", c.timeout)
	}
	if err := c.check(c.app); err != nil {
		return err
	}
	if err := c.ready(ctx); err != nil {
		return err
	}
	draft, err := c.draft(ctx, timeoutGiven)
	if err == nil {
		err = c.signAll(ctx, c.app, draft)
	}
	if err != nil {
		c.noteKept(draft)
		return err
	}
	return c.finish(ctx, draft)
}

// draft loads the draft that --draft names or makes a new one.
func (c *ceremonyCommand) draft(ctx context.Context, timeoutGiven bool) (*ceremony.Draft, error) {
	if c.term != nil {
		c.answers = answersOf(c.draftFile)
	}
	if c.term != nil && c.draftFile == "" && c.policyFile == "" {
		c.keepIn = c.answers.signedPath()
		draft, err := ceremony.LoadDraft(c.keepIn)
		if err == nil {
			c.note("going on with the signatures in %s (remove the file to change an answer)", c.keepIn)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return draft, err
		}
	}
	if c.draftFile != "" {
		draft, err := ceremony.LoadDraft(c.draftFile)
		switch {
		case err == nil && c.policyFile != "":
			return nil, usagef("%s exists: leave out --policy to go on with it, or name another draft", c.draftFile)
		case err == nil && draft.Payload() == nil:
			return nil, usagef("%s is no draft of a first root: use rstuf admin metadata sign", c.draftFile)
		case err == nil, !errors.Is(err, fs.ErrNotExist):
			return draft, err
		}
	}
	if c.draftFile != "" && c.policyFile == "" && c.term == nil {
		return nil, usagef("there is no draft %s: to begin one give --policy FILE", c.draftFile)
	}
	policy, err := c.policy(ctx)
	if err != nil {
		return nil, err
	}
	if timeoutGiven || policy.Timeout == 0 {
		policy.Timeout = c.timeout
	}
	return ceremony.New(policy)
}

// policy is what the policy file says, completed with answers.
func (c *ceremonyCommand) policy(ctx context.Context) (policy ceremony.Policy, err error) {
	if c.policyFile != "" {
		if policy, err = ceremony.LoadPartialPolicy(c.policyFile); err != nil {
			return policy, err
		}
	}
	policy.AllowThresholdOneUnsafe = policy.AllowThresholdOneUnsafe || c.unsafeOne
	if policy.Now.IsZero() {
		policy.Now = time.Now()
	}
	if err := c.complete(ctx, &policy); err != nil {
		return policy, err
	}
	return policy, policy.Validate()
}

// ceremonyResult is what a ceremony came to.
type ceremonyResult struct {
	Payload   string            `json:"payload_file,omitempty"`
	Draft     string            `json:"draft_file,omitempty"`
	Status    ceremony.Status   `json:"signatures"`
	Bootstrap *bootstrap.Result `json:"bootstrap,omitempty"`
}

// finish keeps what was signed, then sends it if it is time for that.
func (c *ceremonyCommand) finish(ctx context.Context, draft *ceremony.Draft) error {
	payload, err := c.keep(c.app, draft, func(path string) error { return writePayload(path, draft, c.force) })
	if err != nil {
		return err
	}
	result := ceremonyResult{Status: draft.Status(), Draft: c.draftFile, Payload: payload}
	complete := result.Status.Complete()
	server, err := c.hasServer()
	if err != nil {
		return err
	}
	var waiting error
	if !complete {
		waiting = waitingError{"signatures are missing: " + result.Status.String()}
	}
	if server && !c.dryRun && (complete || c.draftFile == "" || c.bootstrap) {
		sent, err := c.sendBootstrap(ctx, draft.Payload())
		if err != nil {
			return errors.Join(err, c.rescue("ceremony-payload", "bootstrap", func(path string) error { return writePayload(path, draft, false) }))
		}
		if sent.State == wire.BootstrapSigning {
			if err := c.sendSignatures(ctx, draft, &sent); err != nil {
				return err
			}
		}
		result.Bootstrap = &sent
		waiting = waitingFor(sent)
	}
	if err := c.answers.remove(); err != nil {
		c.note("warning: %v", err)
	}
	err = c.result(result, func() {
		c.printf("%s: %s", draft, result.Status)
		if result.Bootstrap != nil {
			c.printf("%s", result.Bootstrap)
		}
	})
	return errors.Join(err, waiting)
}

// sendSignatures sends what the draft has and the deployment, which holds its
// root for signing, has not.
func (c *ceremonyCommand) sendSignatures(ctx context.Context, draft *ceremony.Draft, result *bootstrap.Result) error {
	sent, err := c.send(ctx, draft)
	switch {
	case err != nil:
		return err
	case sent.Complete:
		result.State, result.Signed = wire.BootstrapFinished, draft.Status().Document
	case len(sent.Signatures) > 0:
		result.Signed = sent.Status.Document
	}
	result.Sent = result.Sent || len(sent.Signatures) > 0
	return nil
}

// ready finds out before people begin to answer questions whether the
// deployment takes a bootstrap.
func (c *ceremonyCommand) ready(ctx context.Context) error {
	server, err := c.hasServer()
	if err != nil || !server || c.dryRun || c.draftFile != "" || c.term == nil {
		return err
	}
	api, err := c.connect()
	if err != nil {
		return err
	}
	state, err := api.BootstrapState(ctx)
	if err != nil || !state.Bootstrap && state.State == "" {
		return err
	}
	next := "make its next root with rstuf admin metadata update"
	if state.State == wire.BootstrapSigning {
		next = "add signatures with rstuf admin metadata sign"
	}
	return fmt.Errorf("the deployment at %s: %w (state %s): %s", api.URL(), client.ErrAlreadyBootstrapped, state.State, next)
}

// readRequest reads a request from a file.
func readRequest[T rstuf.Request](path string) (*T, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	request, err := rstuf.DecodeStrict[T](data)
	if err != nil {
		return nil, inFile(path, err)
	}
	return request, nil
}
