package service_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/internal/sharedtest"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// deviation is where the service does not answer as the recorded deployment
// did, since that erred.
type deviation struct {
	reason string
	// row is the start of its row in the table of docs/service.md.
	row string
	// applies tells whether an exchange is of this kind.
	applies func(e *exchange) bool
	// status is what the service answers; 0 stands for any refusal.
	status int
	// sameBody is set where only the status differs.
	sameBody bool
}

var deviations = []deviation{
	{
		reason:  "a deployed RSTUF fails here on every deployment; the bump works",
		row:     "`POST /metadata/online` answers 500",
		applies: func(e *exchange) bool { return e.endpoint() == "POST /metadata/online" && e.Response.Status == 500 },
		status:  http.StatusAccepted,
	},
	{
		reason: "an artifact without hashes could never be published",
		row:    "accepts artifacts without hashes",
		applies: func(e *exchange) bool {
			return e.endpoint() == "POST /artifacts/" && e.Response.Status == 202 && strings.Contains(compact(e.payload()), `"hashes":{}`)
		},
		status: http.StatusUnprocessableEntity,
	},
	{
		reason: "an error body comes with an error status",
		row:    "`POST /delegations/` before bootstrap: 200",
		applies: func(e *exchange) bool {
			return strings.Contains(e.endpoint(), " /delegations/") && e.Response.Status == 200 && has(e.Response.Body, "detail")
		},
		status: http.StatusNotFound, sameBody: true,
	},
	{
		reason: "a role of this name would be written outside the metadata folder",
		row:    "role names such as `a/b`",
		applies: func(e *exchange) bool {
			return strings.Contains(e.endpoint(), " /delegations/") && e.Response.Status == 202 && !namesAllowed(e.payload())
		},
		status: http.StatusUnprocessableEntity,
	},
	{
		reason: "what a deployment breaks at is refused with the reason",
		row:    "any other 500",
		applies: func(e *exchange) bool {
			return e.Response.Status == 500 && e.endpoint() != "POST /metadata/online"
		},
	},
	{
		reason: "before the bootstrap there is nothing to publish",
		row:    "`POST /artifacts/publish/` before bootstrap: 202",
		applies: func(e *exchange) bool {
			return e.endpoint() == "POST /artifacts/publish/" && e.Response.Status == 202 && strings.HasPrefix(e.Step, "pre.")
		},
		status: http.StatusNotFound,
	},
}

func compact(data []byte) string {
	return strings.Join(strings.Fields(string(data)), "")
}

func has(body any, name string) bool {
	fields, ok := body.(map[string]any)
	return ok && fields[name] != nil
}

// namesAllowed tells whether all roles that a delegations request names have
// names that RSTUF allows.
func namesAllowed(body []byte) bool {
	for _, name := range roleNames(body) {
		if !rules.IsDelegatedRoleName(name) {
			return false
		}
	}
	return true
}

func roleNames(body []byte) []string {
	var request rstuf.DelegationsDelete // the names stand at the same place
	if json.Unmarshal(body, &request) != nil {
		return nil
	}
	return request.Roles
}

// Each deviation has a row in the table of differences.
func TestDeviationsAreDocumented(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../docs/service.md")
	require.NoError(t, err)
	for _, d := range deviations {
		require.NotEmpty(t, d.row, d.reason)
		assert.Contains(t, string(docs), "\n| "+d.row, d.reason)
	}
}

// The service answers the recorded requests as the recorded deployment did,
// and publishes the same repository.
func TestRecordings(t *testing.T) {
	for _, s := range loadScenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			newReplay(t, s, func(cfg service.Config) (api, files http.Handler) {
				cfg.Store = service.StoreFor(cfg.Dir)
				svc, err := service.Open(t.Context(), cfg)
				require.NoError(t, err)
				t.Cleanup(func() { assert.NoError(t, svc.Close(context.Background())) })
				return svc.Handler(), svc.MetadataHandler()
			}).run()
		})
	}
}

// So do three replicas that are asked in turn.
func TestRecordingsOverReplicas(t *testing.T) {
	for _, s := range loadScenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			newReplay(t, s, func(cfg service.Config) (api, files http.Handler) {
				cfg.Replicas = &sharedtest.Shared{}
				var apis, all inTurn
				for range 3 {
					var err error
					cfg.Storage, err = service.NewFolder(filepath.Join(cfg.Dir, "metadata"))
					require.NoError(t, err)
					r, err := service.OpenReplica(t.Context(), cfg)
					require.NoError(t, err)
					t.Cleanup(func() { assert.NoError(t, r.Close(context.Background())) })
					apis.list, all.list = append(apis.list, r.Handler()), append(all.list, r.MetadataHandler())
				}
				return &apis, &all
			}).run()
		})
	}
}

// inTurn has one handler after the other answer.
type inTurn struct {
	list []http.Handler
	next atomic.Int64
}

func (i *inTurn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.list[i.next.Add(1)%int64(len(i.list))].ServeHTTP(w, r)
}

// replay sends one scenario's requests to a service.
type replay struct {
	*testing.T
	scenario
	api, files http.Handler
	now        func() time.Time
	ids        map[string]string // recorded task id, key id, public key or signature: ours
	refused    map[string]bool   // recorded task ids of requests that are refused here
	online     string            // the last root's online key
	retired    map[string]bool   // online keys before that
	described  openAPIDoc        // what the service says of itself
	gone       map[string]bool   // delegated roles that were removed, or refused here
}

func newReplay(t *testing.T, s scenario, open func(service.Config) (api, files http.Handler)) *replay {
	began := time.Now()
	now := func() time.Time { return s.start.Add(time.Since(began)) }
	standIns := map[string]string{}
	online := addMissingKeys(t, &s, standIns)
	api, files := open(service.Config{Dir: t.TempDir(), OnlineKeys: online, Now: now, UnsafeNoSync: true})
	return &replay{T: t, scenario: s, api: api, files: files, now: now, ids: standIns, refused: map[string]bool{}, gone: map[string]bool{}, retired: map[string]bool{}, described: readOpenAPI(t, api)}
}

// addMissingKeys returns all keys of a scenario, as online keys. Where a
// recorded root brings an online key whose private key was not recorded, a new
// key stands in for it.
func addMissingKeys(t *testing.T, s *scenario, standIns map[string]string) (online []keys.Signer) {
	for _, e := range s.exchanges {
		var request rstuf.MetadataUpdate
		var root struct {
			Signed struct{ Keys map[string]rstuf.Key }
		}
		if json.Unmarshal(e.payload(), &request) != nil || json.Unmarshal(request.Metadata[rstuf.RoleRoot], &root) != nil {
			continue
		}
		for id, key := range root.Signed.Keys {
			if key.OnlineURI == "" || s.keys[id] != nil || standIns[id] != "" {
				continue
			}
			other, err := keys.Generate(keys.Ed25519, key.Name)
			require.NoError(t, err)
			t.Logf("key %.16s stands in for the online key %.16s, which was not recorded", other.Public().ID(), id)
			standIns[id], standIns[key.Public()] = other.Public().ID(), other.Public().Key().Public()
			online = append(online, other)
		}
	}
	for _, key := range s.keys {
		online = append(online, key)
	}
	return online
}

func (r *replay) run() {
	for i := range r.exchanges {
		e := &r.exchanges[i]
		if e.Response != nil {
			r.exchange(e)
		} else {
			r.task(e)
		}
	}
	r.repository()
}

// exchange replays a request and compares the answer.
func (r *replay) exchange(e *exchange) {
	body := r.resign(e, r.restoreRoot(e))
	if strings.Contains(e.endpoint(), "/delegations/delete") {
		for _, name := range roleNames(body) {
			r.gone[name] = true
		}
	}
	r.noteOnline(body)
	got := call(r.api, e.Request.Method, r.translate(e.Request.Path), body)
	r.isDescribed(e, got)
	want, sameBody := e.Response.Status, true
	for _, d := range deviations {
		if d.applies(e) {
			r.Logf("%s: %s", e.Step, d.reason)
			want, sameBody = d.status, d.sameBody
		}
	}
	if want == 0 {
		require.True(r, got.Code >= 400 && got.Code < 500, "%s: %d %s", e.Step, got.Code, got.Body)
	} else {
		require.Equal(r, want, got.Code, "%s: %s", e.Step, got.Body)
	}
	if got.Code >= 400 && e.Response.Status < 400 {
		r.noteRefused(e)
	}
	if e.Response.Status == 500 && got.Code == http.StatusAccepted {
		id := parse(r, got.Body.Bytes()).(map[string]any)["data"].(map[string]any)["task_id"].(string)
		assert.Equal(r, "SUCCESS", r.wait(id)["state"], e.Step)
	}
	if !sameBody {
		assert.NotEmpty(r, got.Body.String(), e.Step)
		return
	}
	r.compareHeaders(e, got.Header())
	if e.Response.Body == nil {
		assert.Equal(r, e.Response.Text, got.Body.String(), e.Step)
		return
	}
	answer := parse(r, got.Body.Bytes())
	r.learn(e.Response.Body, answer)
	r.same(e.Step, e.Response.Body, answer)
}

// isDescribed holds our answer, and a request that was taken, against what the
// service says of itself.
func (r *replay) isDescribed(e *exchange, got *httptest.ResponseRecorder) {
	path, _, _ := strings.Cut(e.Request.Path, "?")
	if dig(r.described, "paths", path, strings.ToLower(e.Request.Method)) == nil {
		assert.Contains(r, []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusTemporaryRedirect}, got.Code, e.Step)
		return
	}
	assert.Empty(r, r.described.answer(e.Request.Method, path, got.Code, parse(r, got.Body.Bytes())), e.Step)
}

// noteOnline follows the online key through the roots that are sent.
func (r *replay) noteOnline(body []byte) {
	var request rstuf.MetadataUpdate
	if json.Unmarshal(body, &request) != nil || request.Metadata[rstuf.RoleRoot] == nil {
		return
	}
	doc, err := metadata.Parse(request.Metadata[rstuf.RoleRoot])
	if err != nil {
		return
	}
	if root, err := doc.Root(); err == nil {
		if key, err := metadata.OnlineKey(root); err == nil && key.ID() != r.online {
			r.retired[r.online] = true
			r.online = key.ID()
		}
	}
}

// noteRefused remembers what follows from a request that is refused here.
func (r *replay) noteRefused(e *exchange) {
	for _, name := range roleNames(e.payload()) {
		r.gone[name] = true
	}
	if data, ok := e.Response.Body.(map[string]any)["data"].(map[string]any); ok {
		r.refused[data["task_id"].(string)] = true
	}
}

// learn notes which of our task ids stands for a recorded one.
func (r *replay) learn(recorded, got any) {
	data := func(v any) map[string]any {
		fields, _ := v.(map[string]any)
		inner, _ := fields["data"].(map[string]any)
		return inner
	}
	theirs, _ := data(recorded)["task_id"].(string)
	ours, _ := data(got)["task_id"].(string)
	if _, known := r.ids[theirs]; !known && theirs != "" && ours != "" {
		r.ids[theirs] = ours
	}
}

// translate puts our task ids in the place of recorded ones.
func (r *replay) translate(text string) string {
	for theirs, ours := range r.ids {
		text = strings.ReplaceAll(text, theirs, ours)
	}
	return text
}

func (r *replay) compareHeaders(e *exchange, got http.Header) {
	for name, want := range e.Response.Headers {
		if name == "location" { // the host differs
			assert.True(r, strings.HasSuffix(got.Get(name), want[strings.Index(want, "/api/"):]), "%s: location %s", e.Step, got.Get(name))
			continue
		}
		assert.Equal(r, want, got.Get(name), "%s: header %s", e.Step, name)
	}
}

// task waits for a recorded task and compares how it ends.
func (r *replay) task(e *exchange) {
	_, id, _ := strings.Cut(e.Request.Path, "task_id=")
	if r.refused[id] {
		return
	}
	require.Contains(r, r.ids, id, "%s asks for a task that nothing began", e.Step)
	got := r.wait(r.ids[id])
	last := e.TaskStates[len(e.TaskStates)-1]
	r.same(e.Step, last.Body.(map[string]any)["data"], any(got))
	if call(r.files, "GET", "/timestamp.json", nil).Code == http.StatusOK {
		_, err := tuftest.ReadPublished(r.read, tuftest.Expected{Now: r.now(), Unsigned: func(string) bool { return true }})
		require.NoError(r, err, e.Step)
	}
}

// read reads a published file.
func (r *replay) read(name string) ([]byte, error) {
	got := call(r.files, "GET", "/"+name, nil)
	if got.Code == http.StatusNotFound {
		return nil, os.ErrNotExist
	}
	return got.Body.Bytes(), nil
}

var taskStates = []string{"PENDING", "RECEIVED", "PRE_RUN", "STARTED", "RUNNING"}

// wait asks for a task until it has ended.
func (r *replay) wait(id string) map[string]any {
	for {
		got := call(r.api, "GET", "/api/v1/task/?task_id="+id, nil)
		require.Equal(r, http.StatusOK, got.Code)
		assert.Empty(r, r.described.answer("GET", "/api/v1/task/", got.Code, parse(r, got.Body.Bytes())))
		task := parse(r, got.Body.Bytes()).(map[string]any)["data"].(map[string]any)
		state := task["state"].(string)
		if rstuf.TaskState(state).Terminal() {
			return task
		}
		require.Contains(r, taskStates, state)
		time.Sleep(time.Millisecond)
	}
}

// resign makes the signature of a delegated role anew where the recorded one
// was right: it covers the recorded document, whose expiry is not ours.
func (r *replay) resign(e *exchange, body []byte) []byte {
	var request rstuf.MetadataSign
	if e.endpoint() != "POST /metadata/sign" || json.Unmarshal(body, &request) != nil || request.Role == rstuf.RoleRoot || !r.succeeds(e) {
		return body
	}
	var pending wire.Response[rstuf.PendingMetadata]
	require.NoError(r, json.Unmarshal(call(r.api, "GET", "/api/v1/metadata/sign", nil).Body.Bytes(), &pending))
	require.NotNil(r, pending.Data, "%s: nothing waits for signatures", e.Step)
	doc, err := metadata.Parse(pending.Data.Roles[request.Role])
	require.NoError(r, err, e.Step)
	key := r.keys[request.Signature.KeyID]
	require.NotNil(r, key, "%s: no key %s", e.Step, request.Signature.KeyID)
	sig, err := key.Sign(r.Context(), doc.Canonical())
	require.NoError(r, err)
	request.Signature.Sig = hex.EncodeToString(sig)
	body, err = json.Marshal(request)
	require.NoError(r, err)
	return body
}

// restoreRoot puts back what was sent where the recorder changed a root after
// it was sent: its online roles name a key that the root does not have. What
// the signatures cover is the key that it has.
func (r *replay) restoreRoot(e *exchange) []byte {
	var request rstuf.MetadataUpdate
	if e.endpoint() != "POST /metadata/" || json.Unmarshal(e.payload(), &request) != nil {
		return e.payload()
	}
	doc, err := metadata.Parse(request.Metadata[rstuf.RoleRoot])
	require.NoError(r, err, e.Step)
	root, err := doc.Root()
	require.NoError(r, err, e.Step)
	missing := root.Roles[rstuf.RoleTimestamp].KeyIDs[0]
	if _, ok := root.Keys[missing]; ok {
		return r.signStandIn(e)
	}
	var online []string
	for id, key := range root.Keys {
		if key.OnlineURI != "" {
			online = append(online, id)
		}
	}
	require.Len(r, online, 1, e.Step)
	body := []byte(strings.ReplaceAll(string(e.payload()), missing, online[0]))
	require.NoError(r, json.Unmarshal(body, &request))
	doc, err = metadata.Parse(request.Metadata[rstuf.RoleRoot])
	require.NoError(r, err, e.Step)
	for _, sig := range doc.Signatures() {
		require.NoError(r, doc.AddSignature(sig, r.keys[sig.KeyID].Public()), "%s: this is not what was sent", e.Step)
	}
	return body
}

// signStandIn puts the key that stands in for an online key into a root, and
// makes the root's signatures anew.
func (r *replay) signStandIn(e *exchange) []byte {
	body := []byte(r.translate(string(e.payload())))
	if string(body) == string(e.payload()) {
		return body
	}
	var request rstuf.MetadataUpdate
	require.NoError(r, json.Unmarshal(body, &request))
	doc, err := metadata.Parse(request.Metadata[rstuf.RoleRoot])
	require.NoError(r, err, e.Step)
	before := doc.Signatures()
	for i, sig := range before {
		require.NoError(r, doc.Sign(r.Context(), r.keys[sig.KeyID]))
		r.ids[sig.Sig] = doc.Signatures()[i].Sig
	}
	request.Metadata[rstuf.RoleRoot] = doc.Bytes()
	body, err = json.Marshal(request)
	require.NoError(r, err)
	return body
}

// succeeds tells whether the recorded task of a request succeeded.
func (r *replay) succeeds(e *exchange) bool {
	data, _ := e.Response.Body.(map[string]any)["data"].(map[string]any)
	for i := range r.exchanges {
		other := &r.exchanges[i]
		if states := other.TaskStates; len(states) > 0 && data != nil && strings.HasSuffix(other.Request.Path, data["task_id"].(string)) {
			return states[len(states)-1].Body.(map[string]any)["data"].(map[string]any)["state"] == "SUCCESS"
		}
	}
	return false
}

// repository compares what is published with what was.
func (r *replay) repository() {
	dir := filepath.Join(testdir.Find(r, *recordings), r.name+".repository")
	theirs := r.readRepository(dir)
	ours, err := tuftest.ReadPublished(r.read, tuftest.Expected{Now: r.now(), Unsigned: func(role string) bool { return theirs.snapshot[role] == nil }})
	require.NoError(r, err)
	for role := range ours.Roles {
		if !r.gone[role] { // removed roles stay in the snapshot
			assert.Contains(r, theirs.snapshot, role, "the recorded snapshot does not list it")
		}
	}
	for role := range theirs.snapshot {
		if assert.Contains(r, ours.Roles, role, "our snapshot does not list it") {
			data, err := r.read(metadata.Filename(role, ours.Roles[role]))
			require.NoError(r, err)
			r.same("repository: "+role, theirs.snapshot[role], parse(r, data))
		}
	}
	for name, root := range theirs.roots {
		data, err := r.read(name)
		require.NoError(r, err, name)
		r.same(name, root, parse(r, data))
	}
	r.clientSees(theirs.artifacts)
}

type recordedRepository struct {
	roots     map[string]any
	snapshot  map[string]any // the documents of the roles in the last snapshot
	artifacts []string
}

func (r *replay) readRepository(dir string) recordedRepository {
	out := recordedRepository{roots: map[string]any{}, snapshot: map[string]any{}}
	roots, err := filepath.Glob(filepath.Join(dir, "*.root.json"))
	require.NoError(r, err)
	require.NotEmpty(r, roots)
	for _, file := range roots {
		var doc any
		readJSON(r.T, file, &doc)
		out.roots[filepath.Base(file)] = doc
	}
	type versions struct {
		Signed struct {
			Meta    map[string]struct{ Version int64 }
			Targets map[string]any
		}
	}
	var timestamp, snapshot versions
	readJSON(r.T, filepath.Join(dir, "timestamp.json"), &timestamp)
	readJSON(r.T, filepath.Join(dir, metadata.Filename("snapshot", timestamp.Signed.Meta["snapshot.json"].Version)), &snapshot)
	for name, file := range snapshot.Signed.Meta {
		role := strings.TrimSuffix(name, ".json")
		path := filepath.Join(dir, metadata.Filename(role, file.Version))
		var doc any
		readJSON(r.T, path, &doc)
		out.snapshot[role] = doc
		var targets versions
		readJSON(r.T, path, &targets)
		for artifact := range targets.Signed.Targets {
			out.artifacts = append(out.artifacts, artifact)
		}
	}
	return out
}
