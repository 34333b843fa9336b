package cmd

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// A deployment is an API, the metadata beside it and files of other people, in
// all of which everything has the same name.
type deployment struct {
	name string
	// text is the name as JSON can hold it.
	text    string
	url     string
	dir     string
	answers map[string]any // of the API, by the path with its query, and files of metadata
}

func newDeployment(t *testing.T, name string) *deployment {
	t.Helper()
	d := &deployment{name: name, text: strings.ToValidUTF8(name, "\ufffd"), dir: t.TempDir()}
	alice, online := tuftest.Key(t, d.text), tuftest.Key(t, "online "+d.text)
	onlineKey := online.Public().WithOnlineURI("fn:" + d.text)
	root, err := metadata.NewRoot([]keys.Public{alice.Public()}, 1, onlineKey, time.Now().AddDate(1, 0, 0))
	require.NoError(t, err)
	rootFile, rootPending := tuftest.Document(t, root, alice).Bytes(), tuftest.Document(t, root).Bytes()
	targets := &metadata.Targets{
		Version: 1, Expires: time.Now().AddDate(0, 1, 0),
		Targets: map[string]metadata.TargetFile{d.text: {ArtifactInfo: rstuf.ArtifactInfo{
			Length: 1, Hashes: map[string]string{"sha256": strings.Repeat("ab", 32)}, Custom: mustJSON(t, map[string]string{"of": d.text}),
		}}},
		Delegations: &metadata.Delegations{
			Keys:  map[string]rstuf.Key{alice.Public().ID(): alice.Public().Key()},
			Roles: []rstuf.DelegatedRole{{Name: "dev", KeyIDs: []string{alice.Public().ID()}, Threshold: 1, Paths: []string{d.text + "/[^a]*"}, ExpirePolicy: 1}},
		},
	}
	targetsFile := tuftest.Document(t, targets, online).Bytes()
	snapshot := &metadata.Snapshot{Version: 1, Expires: time.Now().AddDate(0, 1, 0), Meta: map[string]metadata.MetaFile{"targets.json": {Version: 1}}}
	timestamp := &metadata.Timestamp{Version: 1, Expires: time.Now().AddDate(0, 1, 0), Meta: map[string]metadata.MetaFile{"snapshot.json": {Version: 1}}}

	failed, inSettings := false, onlineKey.Key()
	settings := rstuf.RepositorySettings{
		Bootstrap: d.text, Expiration: map[string]int{"root": 1, d.text: 2}, TrustedRoot: rootFile, TrustedTargets: targetsFile,
		OnlineKey: &inSettings, OnlineKeyID: onlineKey.ID(),
	}
	pending := rstuf.PendingMetadata{Roles: map[string]json.RawMessage{"root": rootPending, d.text: targetsFile}, TrustedTargets: targetsFile}
	d.answers = map[string]any{
		"/1.root.json": rootFile, "/1.targets.json": targetsFile,
		"/1.snapshot.json": tuftest.Document(t, snapshot, online).Bytes(), "/timestamp.json": tuftest.Document(t, timestamp, online).Bytes(),
		"/api/v1/task/?task_id=1": answer(rstuf.Task{ID: d.text, State: rstuf.TaskFailure, Result: &rstuf.TaskResult{
			Message: d.text, Error: d.text, Status: &failed,
			Details: &rstuf.TaskDetails{
				AddedArtifacts: []string{d.text, d.text}, InvalidPaths: []string{d.text}, UpdatedRoles: rstuf.Names{d.text},
				FailedRoles: []rstuf.FailedRole{{Role: d.text, Reason: d.text}}, Bootstrap: d.text, Update: d.text,
			},
		}}),
		"/api/v1/bootstrap/":    answer(rstuf.BootstrapState{Bootstrap: true, State: wire.BootstrapFinished}),
		"/api/v1/config/":       answer(settings),
		"/api/v1/metadata/sign": answer(pending),
	}
	d.write(t, "root.json", rootFile)
	d.write(t, "key.json", mustJSON(t, onlineKey))
	d.write(t, "pending.json", mustJSON(t, answer(rstuf.PendingMetadata{Roles: map[string]json.RawMessage{"root": rootPending}})))
	d.write(t, "size.csv", []byte("a;"+name+";sha256;"+strings.Repeat("ab", 32)))
	d.write(t, "twice.csv", []byte(strings.Repeat(name+";1;sha256;"+strings.Repeat("ab", 32)+"\n", 2)))
	artifact := map[string]any{"path": d.text, "info": map[string]any{"length": 1, "hashes": map[string]string{"sha256": strings.Repeat("ab", 32)}}}
	d.write(t, "twice.json", mustJSON(t, map[string]any{"artifacts": []any{artifact, artifact}}))
	repositories, err := yaml.Marshal(map[string]any{"REPOSITORIES": map[string]any{
		d.text: map[string]any{"metadata_url": d.text, "artifact_base_url": d.text, "trusted_root": base64.StdEncoding.EncodeToString(rootFile)},
	}})
	require.NoError(t, err)
	d.write(t, "rstuf.yml", repositories)
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

func (d *deployment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch content := d.answers[r.URL.RequestURI()].(type) {
	case []byte:
		_, _ = w.Write(content)
	case nil:
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]string{"detail": d.name})
	default:
		_ = json.NewEncoder(w).Encode(content)
	}
}

func (d *deployment) file(name string) string { return filepath.Join(d.dir, name) }

func (d *deployment) write(t *testing.T, name string, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(d.file(name), data, 0o600))
}

func answer[T any](data T) wire.Response[T] { return wire.Response[T]{Data: &data} }

func mustJSON(t *testing.T, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	require.NoError(t, err)
	return data
}
