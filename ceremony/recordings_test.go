package ceremony_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// recording is a scenario of the recordings with its keys.
type recording struct {
	t     *testing.T
	name  string
	steps map[string]step
	keys  map[string]*keys.Private
}

type step struct {
	Request  struct{ Body json.RawMessage }
	Response struct{ Body json.RawMessage }
}

func record(t *testing.T, name string) recording {
	t.Helper()
	r := recording{t, name, map[string]step{}, map[string]*keys.Private{}}
	var steps []struct {
		Step string
		step
	}
	readJSON(t, testdir.Recordings+"/"+name+".json", &steps)
	for _, s := range steps {
		r.steps[s.Step] = s.step
	}
	var private map[string]struct{ KeyID, PEM string }
	readJSON(t, testdir.Recordings+"/"+name+".keys.json", &private)
	for name, k := range private {
		key, err := keys.Parse([]byte(k.PEM), nil)
		require.NoError(t, err)
		require.Equal(t, k.KeyID, key.Public().ID())
		r.keys[name] = key.WithName(name)
	}
	require.NotEmpty(t, r.steps)
	require.NotEmpty(t, r.keys)
	return r
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, v))
}

func (r recording) public(names ...string) (list []keys.Public) {
	for _, name := range names {
		require.Contains(r.t, r.keys, name)
		list = append(list, r.keys[name].Public())
	}
	return list
}

func (r recording) body(step string) json.RawMessage {
	require.NotEmpty(r.t, r.steps[step].Request.Body, step)
	return r.steps[step].Request.Body
}

// published is a file of the repository that the scenario left behind.
func (r recording) published(name string) *metadata.Document {
	data, err := os.ReadFile(testdir.Recordings + "/" + r.name + ".repository/" + name)
	require.NoError(r.t, err)
	document, err := metadata.Parse(data)
	require.NoError(r.t, err)
	return document
}

// sentRoot is the root in a recorded request.
func (r recording) sentRoot(step string) *metadata.Document {
	var body struct {
		Metadata struct{ Root json.RawMessage }
	}
	require.NoError(r.t, json.Unmarshal(r.body(step), &body))
	document, err := metadata.Parse(body.Metadata.Root)
	require.NoError(r.t, err)
	return document
}

// pending is a recorded answer to GET /metadata/sign.
func (r recording) pending(step string) rstuf.PendingMetadata {
	var answer wire.Response[rstuf.PendingMetadata]
	require.NoError(r.t, json.Unmarshal(r.steps[step].Response.Body, &answer))
	require.NotNil(r.t, answer.Data)
	return *answer.Data
}

func encode(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}

// devPolicy is the policy of the recording custom-delegations.
func (r recording) roles() []ceremony.Role {
	return []ceremony.Role{
		{Name: "online-role", Paths: []string{"pub/*", "pub/*/*"}, Days: 30},
		{Name: "dev", Paths: []string{"dev/*"}, Keys: r.public("dev1", "dev2"), Threshold: 2, Days: 30},
	}
}

// TestRecordedBootstraps makes the payloads that a real deployment took, from
// the same keys, settings and times: settings and signed parts are equal, and
// so are the signatures, since Ed25519 has no randomness.
func TestRecordedBootstraps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		policy  func(recording, *ceremony.Policy)
		signers []string
	}{
		{"hash-bins", func(_ recording, p *ceremony.Policy) { p.HashBins = 4 }, []string{"alice", "bob"}},
		{"distributed-signing", func(_ recording, p *ceremony.Policy) { p.HashBins = 4 }, []string{"alice"}},
		{"custom-delegations", func(r recording, p *ceremony.Policy) { p.Delegations = r.roles() }, []string{"alice", "bob"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := record(t, c.name)
			policy := ceremony.Policy{
				RootKeys: r.public("alice", "bob"), Threshold: 2, OnlineKey: r.keys["online"].Public(),
				Timeout: 600, Now: r.sentRoot("bootstrap.post").Expires().AddDate(0, 0, -365),
			}
			c.policy(r, &policy)
			draft, err := ceremony.New(policy)
			require.NoError(t, err)
			for _, name := range c.signers {
				require.NoError(t, draft.Sign(t.Context(), r.keys[name]))
			}
			assert.JSONEq(t, string(r.body("bootstrap.post")), encode(t, draft.Payload()))
			assert.NoError(t, draft.Payload().Validate())
		})
	}
}

// TestRecordedRootUpdates repeats the root updates of a recording and compares
// them with the roots that the deployment published, and with the one that it
// held for signing. (The recording shows later states of some requests.)
func TestRecordedRootUpdates(t *testing.T) {
	t.Parallel()
	r := record(t, "hash-bins")
	first, second, third, fourth := r.published("1.root.json"), r.published("2.root.json"), r.published("3.root.json"), r.published("4.root.json")
	root, err := fourth.Root()
	require.NoError(t, err)
	online, err := metadata.OnlineKey(root)
	require.NoError(t, err)
	now := first.Expires().AddDate(0, 0, -365)
	for _, c := range []struct {
		trusted, next *metadata.Document
		change        ceremony.Change
		signers       []string
	}{
		{first, second, ceremony.Change{AddRootKeys: r.public("carol"), Now: now}, []string{"alice", "bob"}},
		{second, third, ceremony.Change{Days: 375, Now: now}, []string{"carol", "alice"}},
		{third, fourth, ceremony.Change{UntestedOnlineKeyUnsafe: online, Now: now}, []string{"alice", "bob"}},
	} {
		draft, err := ceremony.Next(t.Context(), c.trusted, c.change)
		require.NoError(t, err)
		for _, name := range c.signers {
			assert.False(t, draft.Status().Complete())
			require.NoError(t, draft.Sign(t.Context(), r.keys[name]))
		}
		assert.True(t, draft.Status().Complete(), draft.Status())
		assert.JSONEq(t, string(c.next.Bytes()), encode(t, draft.Document()))
	}
	draft, err := ceremony.Next(t.Context(), second, ceremony.Change{Days: 375, Now: now})
	require.NoError(t, err)
	require.NoError(t, draft.Sign(t.Context(), r.keys["carol"]))
	assert.JSONEq(t, string(r.pending("sign.get.pending").Roles["root"]), encode(t, draft.Document()))
}

// TestRecordedSignatures fetches, signs and sends what a real deployment waited
// for, and compares the requests with those that it took.
func TestRecordedSignatures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		recording, get string
		pinned         []string
		signers        map[string]string // by the step of the request
	}{
		{"distributed-signing", "sign.get", []string{"1.root.json"}, map[string]string{"sign.post": "bob"}},
		{"hash-bins", "sign.get.pending", []string{"1.root.json", "2.root.json"}, map[string]string{"sign.post.first": "alice"}},
		{"custom-delegations", "sign.get", []string{"1.root.json"}, map[string]string{"sign.post.dev.1": "dev1", "sign.post.dev.2": "dev2"}},
		{"custom-delegations", "sign.get.dev-artifact", []string{"1.root.json"}, map[string]string{"sign.post.dev-artifact.0": "dev1", "sign.post.dev-artifact.1": "dev2"}},
	} {
		t.Run(c.recording+" "+c.get, func(t *testing.T) {
			t.Parallel()
			r := record(t, c.recording)
			api := newDeployment(t, r.pending(c.get))
			drafts, err := ceremony.Pending(t.Context(), api)
			require.NoError(t, err)
			require.Len(t, drafts, 1)
			draft := drafts[0]
			assert.ErrorIs(t, draft.Sign(t.Context(), r.keys["alice"]), ceremony.ErrNotPinned)
			var roots []*metadata.Document
			for _, name := range c.pinned {
				roots = append(roots, r.published(name))
			}
			require.NoError(t, draft.Pin(roots...))
			var want []string
			steps := make([]string, 0, len(c.signers))
			for step := range c.signers {
				steps = append(steps, step)
			}
			slices.Sort(steps)
			for _, step := range steps {
				want = append(want, string(r.body(step)))
				require.NoError(t, draft.Sign(t.Context(), r.keys[c.signers[step]]))
			}
			sent, err := draft.Send(t.Context(), api)
			require.NoError(t, err)
			assert.True(t, sent.Complete)
			require.Len(t, api.requests, len(want))
			for i := range want {
				assert.JSONEq(t, want[i], encode(t, api.requests[i]))
			}
		})
	}
}

// deployment is what of a deployment deals with pending signatures, in memory.
// It judges signatures by its own draft of each role.
type deployment struct {
	t        *testing.T
	pending  rstuf.PendingMetadata
	requests []rstuf.MetadataSign
	tasks    map[string]rstuf.Task
	fail     error // the answer to everything
}

func newDeployment(t *testing.T, pending rstuf.PendingMetadata) *deployment {
	return &deployment{t: t, pending: pending, tasks: map[string]rstuf.Task{}}
}

func (d *deployment) Pending(context.Context) (rstuf.PendingMetadata, error) {
	return d.pending, d.fail
}

func (d *deployment) SubmitSignature(ctx context.Context, role string, signature rstuf.Signature) (string, error) {
	d.requests = append(d.requests, rstuf.MetadataSign{Role: role, Signature: signature})
	id := fmt.Sprint("task-", len(d.requests))
	task := rstuf.Task{ID: id, State: rstuf.TaskSuccess}
	drafts, _ := ceremony.Pending(ctx, d)
	i := slices.IndexFunc(drafts, func(draft *ceremony.Draft) bool { return draft.Role() == role })
	if i < 0 {
		return "", errors.New("nothing is pending for " + role)
	}
	if err := drafts[i].AddSignature(signature); err != nil {
		task.State, task.Result = rstuf.TaskErrored, &rstuf.TaskResult{Error: "Invalid signature"}
	}
	d.tasks[id] = task
	d.pending.Roles[role] = drafts[i].Document().Bytes()
	if drafts[i].Status().Complete() {
		delete(d.pending.Roles, role)
	}
	return id, nil
}

func (d *deployment) WaitTask(_ context.Context, id string, _ func(rstuf.Task)) (rstuf.Task, error) {
	require.Contains(d.t, d.tasks, id)
	return d.tasks[id], nil
}

// TestPublicDataOnly looks for the private keys of a ceremony in all that it
// writes.
func TestPublicDataOnly(t *testing.T) {
	t.Parallel()
	r := record(t, "custom-delegations")
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: r.public("alice", "bob"), Threshold: 2, OnlineKey: r.keys["online"].Public(), Delegations: r.roles(),
	})
	require.NoError(t, err)
	require.NoError(t, draft.Sign(t.Context(), r.keys["alice"]))
	texts := encode(t, draft) + encode(t, draft.Payload()) + draft.Review(time.Now()).String() + encode(t, draft.Review(time.Now())) + fmt.Sprintf("%+v", draft)
	for name, key := range r.keys {
		pem, err := key.MarshalPEM(nil)
		require.NoError(t, err)
		for _, secret := range secretForms(t, pem) {
			assert.NotContains(t, strings.ToLower(texts), strings.ToLower(secret), name)
		}
	}
}

// secretForms are the ways in which the seed of an Ed25519 key could stand in
// a text.
func secretForms(t *testing.T, text []byte) []string {
	t.Helper()
	block, _ := pem.Decode(text)
	require.NotNil(t, block)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	seed := key.(ed25519.PrivateKey).Seed()
	return []string{
		hex.EncodeToString(seed), base64.StdEncoding.EncodeToString(seed), base64.RawURLEncoding.EncodeToString(seed),
		base64.StdEncoding.EncodeToString(block.Bytes), fmt.Sprint(seed), string(seed),
	}
}
