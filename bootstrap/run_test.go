package bootstrap_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// newPayload is a payload with a threshold of two.
func newPayload(t testing.TB, rootKeys []keys.Public, online keys.Public, signers ...keys.Signer) *rstuf.BootstrapPayload {
	t.Helper()
	root, err := metadata.NewRoot(rootKeys, 2, online, time.Now().AddDate(0, 0, 365))
	require.NoError(t, err)
	document, err := metadata.New(root)
	require.NoError(t, err)
	for _, signer := range signers {
		require.NoError(t, document.Sign(t.Context(), signer))
	}
	year, day := rstuf.RoleSettings{Expiration: 365}, rstuf.RoleSettings{Expiration: 1}
	return &rstuf.BootstrapPayload{
		Settings: rstuf.Settings{Roles: rstuf.RolesSettings{
			Root: year, Targets: year, Snapshot: day, Timestamp: day,
			Bins: &rstuf.BinsSettings{Expiration: 1, NumberOfDelegatedBins: 4},
		}},
		Metadata: map[string]json.RawMessage{"root": document.Bytes()},
	}
}

// deployment is a deployment in memory, as far as a bootstrap goes.
type deployment struct {
	state rstuf.BootstrapState
	root  json.RawMessage // what it holds
	// loseAnswer has a submission arrive and its answer get lost.
	loseAnswer bool
	refuse     error
	taskError  string
	failState  error

	submissions int
	waited      []string
}

func (d *deployment) BootstrapState(context.Context) (rstuf.BootstrapState, error) {
	return d.state, d.failState
}

func (d *deployment) SubmitBootstrap(_ context.Context, payload *rstuf.BootstrapPayload) (string, error) {
	d.submissions++
	if d.refuse != nil {
		return "", d.refuse
	}
	d.root = payload.Root()
	d.state = rstuf.BootstrapState{State: wire.BootstrapPre, ID: "task-1"}
	if d.loseAnswer {
		return "", errors.New("connection reset")
	}
	return "task-1", nil
}

func (d *deployment) WaitTask(ctx context.Context, id string, progress func(rstuf.Task)) (rstuf.Task, error) {
	d.waited = append(d.waited, id)
	if err := ctx.Err(); err != nil {
		return rstuf.Task{}, err
	}
	task := rstuf.Task{ID: id, State: rstuf.TaskStarted}
	if progress != nil {
		progress(task)
	}
	if d.taskError != "" {
		d.state = rstuf.BootstrapState{}
		task.State, task.Result = rstuf.TaskErrored, &rstuf.TaskResult{Error: d.taskError}
		return task, nil
	}
	d.finish()
	task.State = rstuf.TaskSuccess
	return task, nil
}

// finish is the end of the task: the state depends on the signatures.
func (d *deployment) finish() {
	document, _ := metadata.Parse(d.root)
	root, _ := document.Root()
	delegation, _ := root.Delegation("root")
	d.state.State = wire.BootstrapSigning
	if delegation.Verify(document).OK() {
		d.state = rstuf.BootstrapState{Bootstrap: true, State: wire.BootstrapFinished, ID: d.state.ID}
	}
}

func (d *deployment) Settings(context.Context) (*rstuf.RepositorySettings, error) {
	return &rstuf.RepositorySettings{TrustedRoot: d.root}, nil
}

func (d *deployment) Pending(context.Context) (rstuf.PendingMetadata, error) {
	return rstuf.PendingMetadata{Roles: map[string]json.RawMessage{"root": d.root}}, nil
}

func TestRun(t *testing.T) {
	t.Parallel()
	alice, bob, online := tuftest.Key(t, "alice"), tuftest.Key(t, "bob"), tuftest.Key(t, "online")
	rootKeys := []keys.Public{alice.Public(), bob.Public()}
	payload := newPayload(t, rootKeys, online.Public(), alice, bob)
	api := &deployment{}
	var states []rstuf.TaskState
	result, err := bootstrap.Run(t.Context(), api, payload, bootstrap.WithProgress(func(task rstuf.Task) { states = append(states, task.State) }))
	require.NoError(t, err)
	assert.Equal(t, wire.BootstrapFinished, result.State)
	assert.Equal(t, "task-1", result.TaskID)
	assert.True(t, result.Sent)
	assert.True(t, result.Signed.OK())
	assert.Equal(t, []rstuf.TaskState{rstuf.TaskStarted}, states)
	assert.Equal(t, "bootstrap finished: the repository is ready for artifacts", result.String())

	// Again, even when the payload's root has expired since.
	result, err = bootstrap.Run(t.Context(), api, payload, bootstrap.WithNow(time.Now().AddDate(5, 0, 0)))
	require.NoError(t, err)
	assert.False(t, result.Sent)
	assert.Equal(t, "the repository was bootstrapped with this root before; nothing was sent", result.String())
	assert.Equal(t, 1, api.submissions)

	// With another root.
	other := newPayload(t, []keys.Public{alice.Public(), online.Public()}, bob.Public(), alice, online)
	_, err = bootstrap.Run(t.Context(), api, other)
	assert.ErrorIs(t, err, bootstrap.ErrOtherRoot)
	assert.Equal(t, 1, api.submissions)
}

func TestRunWithMissingSignatures(t *testing.T) {
	t.Parallel()
	alice, bob, online := tuftest.Key(t, "alice"), tuftest.Key(t, "bob"), tuftest.Key(t, "online")
	rootKeys := []keys.Public{alice.Public(), bob.Public()}
	payload := newPayload(t, rootKeys, online.Public(), alice)
	api := &deployment{}
	for _, sent := range []bool{true, false} {
		result, err := bootstrap.Run(t.Context(), api, payload)
		require.NoError(t, err)
		assert.Equal(t, wire.BootstrapSigning, result.State)
		assert.Equal(t, sent, result.Sent)
		assert.Equal(t, 1, result.Signed.Needed())
		assert.Contains(t, result.String(), "the root waits for 1 more signature")
		assert.Contains(t, result.String(), bob.Public().String())
		assert.Contains(t, result.String(), "POST /metadata/sign")
	}
	assert.Equal(t, 1, api.submissions)
	_, err := bootstrap.Run(t.Context(), api, newPayload(t, rootKeys, online.Public().WithName("other"), alice))
	assert.ErrorIs(t, err, bootstrap.ErrOtherRoot)
}

// TestRunJoins a bootstrap that is under way already.
func TestRunJoins(t *testing.T) {
	t.Parallel()
	payload := recordedPayload(t, "hash-bins")
	api := &deployment{root: payload.Root(), state: rstuf.BootstrapState{State: wire.BootstrapPre, ID: "task-7"}}
	result, err := bootstrap.Run(t.Context(), api, payload, bootstrap.WithNow(recordedAt))
	require.NoError(t, err)
	assert.False(t, result.Sent)
	assert.Equal(t, []string{"task-7"}, api.waited)
	assert.Zero(t, api.submissions)
}

// TestLostAnswer: the state decides, and the payload is not sent twice.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	payload := recordedPayload(t, "hash-bins")
	api := &deployment{loseAnswer: true}
	result, err := bootstrap.Run(t.Context(), api, payload, bootstrap.WithNow(recordedAt))
	require.NoError(t, err)
	assert.Equal(t, wire.BootstrapFinished, result.State)
	assert.Equal(t, 1, api.submissions)

	refused := errors.New("no such host")
	api = &deployment{refuse: refused}
	_, err = bootstrap.Run(t.Context(), api, payload, bootstrap.WithNow(recordedAt))
	assert.ErrorIs(t, err, refused)
	assert.Equal(t, 1, api.submissions)
}

func TestRunFails(t *testing.T) {
	t.Parallel()
	payload := recordedPayload(t, "hash-bins")
	now := bootstrap.WithNow(recordedAt)

	_, err := bootstrap.Run(t.Context(), &deployment{taskError: "Bootstrap timeout"}, payload, now)
	assert.ErrorContains(t, err, "task task-1 ended as ERRORED: Bootstrap timeout")

	down := errors.New("connection refused")
	_, err = bootstrap.Run(t.Context(), &deployment{failState: down}, payload, now)
	assert.ErrorIs(t, err, down)

	api := &deployment{}
	_, err = bootstrap.Run(t.Context(), api, payload, bootstrap.WithNow(recordedAt.AddDate(2, 0, 0)))
	assert.ErrorIs(t, err, metadata.ErrExpired)
	_, err = bootstrap.Run(t.Context(), api, nil)
	assert.Error(t, err)
	assert.Zero(t, api.submissions)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = bootstrap.Run(cancelled, &deployment{}, payload, now)
	assert.ErrorIs(t, err, context.Canceled)

	// The repository has moved on to a later root.
	alice, bob, online := tuftest.Key(t, "alice"), tuftest.Key(t, "bob"), tuftest.Key(t, "online")
	first := newPayload(t, []keys.Public{alice.Public(), bob.Public()}, online.Public(), alice, bob)
	document, err := metadata.Parse(first.Root())
	require.NoError(t, err)
	root, err := document.Root()
	require.NoError(t, err)
	second, err := metadata.New(root.Next())
	require.NoError(t, err)
	api = &deployment{root: second.Bytes(), state: rstuf.BootstrapState{Bootstrap: true, State: wire.BootstrapFinished}}
	_, err = bootstrap.Run(t.Context(), api, first)
	assert.ErrorIs(t, err, bootstrap.ErrOtherRoot)
	assert.ErrorContains(t, err, "it is at version 2 and the payload has version 1")

	api = &deployment{state: rstuf.BootstrapState{Bootstrap: true, State: wire.BootstrapFinished}}
	_, err = bootstrap.Run(t.Context(), api, first)
	assert.ErrorIs(t, err, bootstrap.ErrOtherRoot)
	api.root = json.RawMessage("{")
	_, err = bootstrap.Run(t.Context(), api, first)
	assert.Error(t, err)
}
