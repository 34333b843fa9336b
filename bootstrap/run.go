package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/metadata"
)

// API is what [Run] needs of an RSTUF deployment; client.Client has it.
type API interface {
	BootstrapState(ctx context.Context) (rstuf.BootstrapState, error)
	SubmitBootstrap(ctx context.Context, payload *rstuf.BootstrapPayload) (taskID string, err error)
	// WaitTask returns once the task has ended, however it ended.
	WaitTask(ctx context.Context, id string, progress func(rstuf.Task)) (rstuf.Task, error)
	Settings(ctx context.Context) (*rstuf.RepositorySettings, error)
	Pending(ctx context.Context) (rstuf.PendingMetadata, error)
}

// ErrOtherRoot: the deployment was bootstrapped, or is being bootstrapped,
// with another root than the payload's.
var ErrOtherRoot = errors.New("the deployment has another root")

// Result is the outcome of [Run].
type Result struct {
	// State is [wire.BootstrapFinished], or [wire.BootstrapSigning] if root
	// signatures are missing.
	State string `json:"state"`
	// TaskID is the id of the bootstrap task.
	TaskID string `json:"task_id,omitempty"`
	// Sent is false if the deployment had this root already and nothing was
	// sent.
	Sent bool `json:"sent"`
	// Signed says who has signed the root that the deployment holds, and who
	// is missing.
	Signed metadata.Verification `json:"signed"`
}

// String says in a sentence what the state is and what happens next.
func (r Result) String() string {
	if r.State == wire.BootstrapFinished {
		if !r.Sent {
			return "the repository was bootstrapped with this root before; nothing was sent"
		}
		return "bootstrap finished: the repository is ready for artifacts"
	}
	names := make([]string, len(r.Signed.Missing))
	for i, key := range r.Signed.Missing {
		names[i] = key.String()
	}
	more := "1 more signature"
	if needed := r.Signed.Needed(); needed != 1 {
		more = fmt.Sprint(needed, " more signatures")
	}
	return fmt.Sprintf("the root waits for %s of %s (%d of %d are there): sign what the deployment holds as pending root (POST /metadata/sign); the last signature finishes the bootstrap",
		more, strings.Join(names, ", "), len(r.Signed.Signed), r.Signed.Threshold)
}

// Option changes how [Run] works.
type Option func(*runner)

// WithProgress has Run tell each change of the bootstrap task.
func WithProgress(progress func(rstuf.Task)) Option {
	return func(r *runner) { r.progress = progress }
}

// WithNow sets the time at which the root must not have expired; the default
// is the time of the call.
func WithNow(now time.Time) Option { return func(r *runner) { r.now = now } }

// Run bootstraps a deployment: it asks for the state of the deployment, checks
// the payload ([Check]), sends it and waits for the task's end. If the root has
// not all its signatures yet the bootstrap goes on when they are sent; the
// result says who is missing.
//
// Run can be run again. A deployment that has the payload's root already, or
// holds it for signing, is a success, and one with another root is
// [ErrOtherRoot]; nothing is sent in either case. If the answer to the payload
// is lost the state of the deployment decides; it is never sent twice.
func Run(ctx context.Context, api API, payload *rstuf.BootstrapPayload, options ...Option) (Result, error) {
	r := runner{api: api, payload: payload, now: time.Now()}
	for _, option := range options {
		option(&r)
	}
	switch {
	case payload == nil:
		return Result{}, fmt.Errorf("bootstrap: %w", errNoPayload)
	case api == nil:
		return Result{}, errors.New("bootstrap: there is no deployment to send the payload to: the API is nil")
	}
	result, err := r.run(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("bootstrap: %w", err)
	}
	return result, nil
}

type runner struct {
	api      API
	payload  *rstuf.BootstrapPayload
	root     *metadata.Document // the payload's
	progress func(rstuf.Task)
	now      time.Time
}

func (r *runner) run(ctx context.Context) (Result, error) {
	state, err := r.api.BootstrapState(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("ask for the state: %w", err)
	}
	sent := state.State == "" && !state.Bootstrap
	if sent {
		if state, err = r.send(ctx); err != nil {
			return Result{}, err
		}
	}
	if state.State == wire.BootstrapPre {
		if state, err = r.wait(ctx, state.ID); err != nil {
			return Result{}, err
		}
	}
	return r.outcome(ctx, state, sent)
}

// send checks and sends the payload and returns the state thereafter.
func (r *runner) send(ctx context.Context) (rstuf.BootstrapState, error) {
	var err error
	if r.root, _, err = check(r.payload, r.now); err != nil {
		return rstuf.BootstrapState{}, fmt.Errorf("check payload: %w", err)
	}
	id, err := r.api.SubmitBootstrap(ctx, r.payload)
	if err == nil {
		return rstuf.BootstrapState{State: wire.BootstrapPre, ID: id}, nil
	}
	// The payload may have arrived all the same, or another one before it.
	state, stateErr := r.api.BootstrapState(ctx)
	if stateErr != nil || state.State == "" && !state.Bootstrap {
		return state, fmt.Errorf("send the payload: %w", err)
	}
	return state, nil
}

// wait waits for the task's end and returns the state thereafter.
func (r *runner) wait(ctx context.Context, id string) (rstuf.BootstrapState, error) {
	task, err := r.api.WaitTask(ctx, id, r.progress)
	if err != nil {
		return rstuf.BootstrapState{}, fmt.Errorf("wait for task %s: %w", id, err)
	}
	if !task.Succeeded() {
		return rstuf.BootstrapState{}, fmt.Errorf("task %s ended as %s: %s", id, task.State, orUnknown(task.Reason()))
	}
	state, err := r.api.BootstrapState(ctx)
	if err != nil {
		return state, fmt.Errorf("ask for the state: %w", err)
	}
	if state.ID == "" {
		state.ID = id
	}
	return state, nil
}

func orUnknown(reason string) string {
	if reason == "" {
		return "it gave no reason"
	}
	return reason
}

// outcome compares the root that the deployment holds with the payload's.
func (r *runner) outcome(ctx context.Context, state rstuf.BootstrapState, sent bool) (Result, error) {
	result := Result{State: state.State, TaskID: state.ID, Sent: sent}
	var held json.RawMessage
	switch {
	case state.State == wire.BootstrapSigning:
		pending, err := r.api.Pending(ctx)
		if err != nil {
			return result, fmt.Errorf("ask for the pending root: %w", err)
		}
		held = pending.Roles[rstuf.RoleRoot]
	case state.State == wire.BootstrapFinished || state.Bootstrap:
		result.State = wire.BootstrapFinished
		settings, err := r.api.Settings(ctx)
		if err != nil {
			return result, fmt.Errorf("ask for the trusted root: %w", err)
		}
		held = settings.TrustedRoot
	default:
		return result, fmt.Errorf("the deployment is in state %q after the task, not %q or %q", state.State, wire.BootstrapSigning, wire.BootstrapFinished)
	}
	var err error
	result.Signed, err = r.compare(held)
	return result, err
}

// compare wants the deployment's root to be the payload's, and says who has
// signed it there.
func (r *runner) compare(held json.RawMessage) (metadata.Verification, error) {
	if held == nil {
		return metadata.Verification{}, fmt.Errorf("%w: it has one, and does not show it", ErrOtherRoot)
	}
	theirs, err := metadata.Parse(held)
	if err != nil {
		return metadata.Verification{}, fmt.Errorf("the deployment's root: %w", err)
	}
	ours := r.root
	if ours == nil { // nothing was sent
		if ours, err = metadata.Parse(r.payload.Root()); err != nil {
			return metadata.Verification{}, err
		}
	}
	if theirs.Type() == rstuf.RoleRoot && theirs.Version() > ours.Version() {
		return metadata.Verification{}, fmt.Errorf("%w: it is at version %d and the payload has version %d; if they belong together there is nothing left to do",
			ErrOtherRoot, theirs.Version(), ours.Version())
	}
	if !bytes.Equal(theirs.Canonical(), ours.Canonical()) {
		return metadata.Verification{}, fmt.Errorf("%w: both are at version %d, and their content differs; check the address of the deployment", ErrOtherRoot, ours.Version())
	}
	root, err := ours.Root()
	if err != nil {
		return metadata.Verification{}, err
	}
	delegation, err := root.Delegation(rstuf.RoleRoot)
	if err != nil {
		return metadata.Verification{}, err
	}
	return delegation.Verify(theirs), nil
}
