package health_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/health"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

var million = flag.Bool("million", false, "look at a repository of a million roles")

// TestMillionRoles: a thousand roles that delegate to a thousand each are looked at
// in bounded memory and time, and the report is of a size that somebody can read: it
// lists the first thousand, counts those that were seen, and says that the rest was
// not. It takes minutes, and so runs if asked for:
//
//	GOMEMLIMIT=400MiB go test ./health -run MillionRoles -million -v
func TestMillionRoles(t *testing.T) {
	if !*million {
		t.Skip("only with -million")
	}
	const wide = 1000
	key := tuftest.Key(t, "online")
	online := key.Public()
	alice, bob := tuftest.Key(t, "alice"), tuftest.Key(t, "bob")
	expires := testNow.AddDate(0, 0, 1)
	delegations := func(prefix string) *metadata.Delegations {
		d := &metadata.Delegations{Keys: map[string]rstuf.Key{online.ID(): online.Key()}}
		for i := range wide {
			name := fmt.Sprintf("%s%d", prefix, i)
			d.Roles = append(d.Roles, rstuf.DelegatedRole{Name: name, Threshold: 1, KeyIDs: []string{online.ID()}, Paths: []string{name + "/*"}})
		}
		return d
	}
	root, err := metadata.NewRoot([]keys.Public{alice.Public(), bob.Public()}, 2, online, testNow.AddDate(1, 0, 0))
	require.NoError(t, err)
	first := tuftest.Document(t, root, alice, bob).Bytes()
	meta := map[string]metadata.MetaFile{"targets.json": {Version: 1}}
	for i := range wide {
		meta[fmt.Sprintf("r%d.json", i)] = metadata.MetaFile{Version: 1}
		for j := range wide {
			meta[fmt.Sprintf("r%d-%d.json", i, j)] = metadata.MetaFile{Version: 1}
		}
	}
	snapshot := tuftest.Document(t, &metadata.Snapshot{Version: 1, Expires: expires, Meta: meta}, key).Bytes()
	meta = nil
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		name := strings.TrimPrefix(r.URL.Path, "/")
		role := strings.TrimSuffix(strings.TrimPrefix(name, "1."), ".json")
		body := &metadata.Targets{Version: 1, Expires: expires}
		switch {
		case name == "1.root.json":
			_, _ = w.Write(first)
			return
		case name == "timestamp.json":
			_, _ = w.Write(tuftest.Document(t, &metadata.Timestamp{Version: 1, Expires: expires, Meta: map[string]metadata.MetaFile{"snapshot.json": {Version: 1}}}, key).Bytes())
			return
		case name == "1.snapshot.json":
			_, _ = w.Write(snapshot)
			return
		case name == "1.targets.json":
			body.Delegations = delegations("r")
		case strings.HasPrefix(name, "1.r") && !strings.Contains(role, "-"):
			body.Delegations = delegations(role + "-")
		case !strings.HasPrefix(name, "1.r") || strings.HasPrefix(name, "1.root"):
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(tuftest.Document(t, body, key).Bytes())
	}))
	defer server.Close()
	reader, err := repository.New(repository.Config{MetadataURL: server.URL, AllowExpiredUnsafe: true, Now: func() time.Time { return testNow }}, repository.TrustRoot(first))
	require.NoError(t, err)
	begin := time.Now()
	r := health.Examine(t.Context(), health.Config{Reader: reader, Now: func() time.Time { return testNow }, Timeout: 150 * time.Second})
	data, err := json.Marshal(r)
	require.NoError(t, err)
	status, _ := os.ReadFile("/proc/self/status")
	t.Logf("%s: %d files asked, %d roles listed, %d more; report of %d bytes; not seen %v", time.Since(begin).Round(time.Second), asked, len(r.Roles), r.UnlistedRoles, len(data), r.NotSeen)
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM") {
			t.Log(strings.TrimSpace(line))
		}
	}
	require.LessOrEqual(t, len(r.Roles), 1000)
	require.Less(t, len(data), 4<<20)
}
