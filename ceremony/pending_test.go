package ceremony_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// pendingRoot is the answer of a deployment that waits for a root.
func pendingRoot(root, trusted *metadata.Document) rstuf.PendingMetadata {
	pending := rstuf.PendingMetadata{Roles: map[string]json.RawMessage{"root": root.Bytes()}}
	if trusted != nil {
		pending.TrustedRoot = trusted.Bytes()
	}
	return pending
}

func onlyPending(t *testing.T, api ceremony.API) *ceremony.Draft {
	t.Helper()
	drafts, err := ceremony.Pending(t.Context(), api)
	require.NoError(t, err)
	require.Len(t, drafts, 1)
	return drafts[0]
}

func TestNothingPending(t *testing.T) {
	t.Parallel()
	api := newDeployment(t, rstuf.PendingMetadata{})
	drafts, err := ceremony.Pending(t.Context(), api)
	require.NoError(t, err)
	assert.Empty(t, drafts)
	_, err = newDraft(t, nil, "alice").Send(t.Context(), api)
	assert.ErrorIs(t, err, ceremony.ErrNothingPending)
	api.fail = errors.New("connection refused")
	_, err = ceremony.Pending(t.Context(), api)
	assert.ErrorIs(t, err, api.fail)
}

// TestAirGap takes a pending root to two offline machines at once and back.
func TestAirGap(t *testing.T) {
	t.Parallel()
	chain := roots(t, 2)
	next, err := ceremony.Next(t.Context(), chain[1], ceremony.Change{AddRootKeys: []keys.Public{public("dave")}, Threshold: 3, Now: testNow})
	require.NoError(t, err)
	sign(t, next, "dave")
	api := newDeployment(t, pendingRoot(next.Document(), chain[1]))

	dir := t.TempDir()
	bundle := filepath.Join(dir, "root.json")
	require.NoError(t, onlyPending(t, api).Save(bundle))
	for _, name := range []string{"alice", "bob"} {
		draft, err := ceremony.LoadDraft(bundle)
		require.NoError(t, err)
		require.NoError(t, draft.Pin(chain...))
		sign(t, draft, name)
		require.NoError(t, draft.Save(filepath.Join(dir, name+".json")))
	}
	back, err := ceremony.LoadDraft(filepath.Join(dir, "alice.json"))
	require.NoError(t, err)
	other, err := ceremony.LoadDraft(filepath.Join(dir, "bob.json"))
	require.NoError(t, err)
	require.NoError(t, back.Merge(other))
	sent, err := back.Send(t.Context(), api)
	require.NoError(t, err)
	assert.True(t, sent.Complete)
	assert.Equal(t, []metadata.KeyRef{{KeyID: public("alice").ID(), Name: "alice"}, {KeyID: public("bob").ID(), Name: "bob"}}, sent.Signatures)
	assert.True(t, sent.Status.Complete())
	assert.Len(t, api.requests, 2, "dave's signature is there already")
}

// TestSendStopsWhenEnough: a signature that is not needed any more is not sent.
func TestSendStopsWhenEnough(t *testing.T) {
	t.Parallel()
	draft := newDraft(t, nil, "alice")
	api := newDeployment(t, pendingRoot(draft.Document(), nil))
	sign(t, draft, "bob", "carol")
	sent, err := draft.Send(t.Context(), api)
	require.NoError(t, err)
	assert.True(t, sent.Complete)
	assert.Len(t, api.requests, 1)

	part := newDraft(t, func(p *ceremony.Policy) { p.Threshold = 3 }, "alice")
	api = newDeployment(t, pendingRoot(part.Document(), nil))
	sign(t, part, "bob")
	sent, err = part.Send(t.Context(), api)
	require.NoError(t, err)
	assert.False(t, sent.Complete)
	assert.Equal(t, 1, sent.Status.Document.Needed())
	sent, err = part.Send(t.Context(), api)
	require.NoError(t, err)
	assert.Empty(t, sent.Signatures, "sending again sends nothing")
	assert.Len(t, api.requests, 1)
}

func TestSendChecksFirst(t *testing.T) {
	t.Parallel()
	draft := newDraft(t, nil)
	api := newDeployment(t, pendingRoot(draft.Document(), nil))

	other := newDraft(t, func(p *ceremony.Policy) { p.Threshold = 3 }, "alice")
	_, err := other.Send(t.Context(), api)
	assert.ErrorIs(t, err, ceremony.ErrDifferentContent)

	wrong := tamper(t, newDraft(t, nil, "alice"), func(signatures []rstuf.Signature) []rstuf.Signature {
		signatures[0].Sig = strings.Repeat("0", 128)
		return signatures
	})
	_, err = wrong.Send(t.Context(), api)
	assert.ErrorIs(t, err, keys.ErrBadSignature)
	assert.Empty(t, api.requests)
}

// TestSendRefused: what the deployment says about a signature reaches the
// caller.
func TestSendRefused(t *testing.T) {
	t.Parallel()
	draft := newDraft(t, nil, "alice")
	api := refusing{newDeployment(t, pendingRoot(newDraft(t, nil).Document(), nil))}
	sent, err := draft.Send(t.Context(), api)
	assert.ErrorContains(t, err, "task-1 ended as ERRORED: Invalid signature")
	assert.Empty(t, sent.Signatures)
}

// refusing takes every signature and refuses it.
type refusing struct{ *deployment }

func (r refusing) WaitTask(context.Context, string, func(rstuf.Task)) (rstuf.Task, error) {
	return rstuf.Task{ID: "task-1", State: rstuf.TaskErrored, Result: &rstuf.TaskResult{Error: "Invalid signature"}}, nil
}

// TestPendingSkipsWhatIsBroken: one broken role does not hide the others.
func TestPendingSkipsWhatIsBroken(t *testing.T) {
	t.Parallel()
	pending := record(t, "custom-delegations").pending("sign.get")
	pending.Roles["bad"] = json.RawMessage(`{"signatures":[]}`)
	pending.Roles["ghost"] = pending.Roles["dev"]
	pending.Roles["root"] = newDraft(t, nil).Document().Bytes()
	drafts, err := ceremony.Pending(t.Context(), newDeployment(t, pending))
	assert.ErrorContains(t, err, `role "bad"`)
	assert.ErrorContains(t, err, `role "ghost"`)
	var names []string
	for _, draft := range drafts {
		names = append(names, draft.Role())
	}
	assert.Equal(t, []string{"dev", "root"}, names)

	// A root beyond the first one needs the one before it.
	pending = pendingRoot(roots(t, 2)[1], nil)
	_, err = ceremony.Pending(t.Context(), newDeployment(t, pending))
	assert.ErrorContains(t, err, "needs the root before it")
}

// FuzzPending reads what any deployment may answer.
func FuzzPending(f *testing.F) {
	answers := 0
	for _, name := range []string{"distributed-signing", "hash-bins", "custom-delegations"} {
		data, err := os.ReadFile(testdir.Recordings + "/" + name + ".json")
		require.NoError(f, err)
		var steps []struct {
			Step     string
			Response struct {
				Body struct{ Data json.RawMessage }
			}
		}
		require.NoError(f, json.Unmarshal(data, &steps))
		for _, s := range steps {
			if strings.HasPrefix(s.Step, "sign.get") && s.Response.Body.Data != nil {
				f.Add([]byte(s.Response.Body.Data))
				answers++
			}
		}
	}
	require.GreaterOrEqual(f, answers, 4)
	f.Fuzz(func(t *testing.T, data []byte) {
		var pending rstuf.PendingMetadata
		if json.Unmarshal(data, &pending) != nil {
			return
		}
		drafts, err := ceremony.Pending(t.Context(), newDeployment(t, pending))
		if err == nil {
			assert.Len(t, drafts, len(pending.Roles))
		}
		for _, draft := range drafts {
			_ = draft.Review(testNow).String()
			assert.ErrorIs(t, draft.Sign(t.Context(), exampleKey("alice")), ceremony.ErrNotPinned)
		}
	})
}
