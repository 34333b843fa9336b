package servertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// file is what the public gets of a service's files, "" if there is none.
func (s *store) file(name string) string {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "http://gateway/"+s.bucket+"/"+prefix+name, nil)
	server.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return ""
	}
	return w.Body.String()
}

// version is the published version of a role, 0 if there is none.
func (s *store) version(role string) int64 {
	type versions struct {
		Signed struct {
			Meta map[string]struct{ Version int64 }
		}
	}
	var timestamp, snapshot versions
	_ = json.Unmarshal([]byte(s.file("timestamp.json")), &timestamp)
	of := timestamp.Signed.Meta["snapshot.json"].Version
	if role == "snapshot" {
		return of
	}
	_ = json.Unmarshal([]byte(s.file(fmt.Sprintf("%d.snapshot.json", of))), &snapshot)
	return snapshot.Signed.Meta[role+".json"].Version
}

// keeps fails the test if a request removes a file that is published, or newer: of two
// writers the one that is late would remove what the other one has just written.
func (s *store) keeps(r *http.Request) {
	name, ours := strings.CutPrefix(r.URL.Path, "/"+s.bucket+"/"+prefix)
	number, role, _ := strings.Cut(strings.TrimSuffix(name, ".json"), ".")
	version, err := strconv.ParseInt(number, 10, 64)
	if r.Method != http.MethodDelete || !ours || err != nil {
		return
	}
	if published := s.version(role); version >= published {
		s.t.Errorf("%s is removed, and version %d is published", name, published)
	}
	s.removed.Add(1)
}

// failures is how many attempts to publish have failed.
func (l *life) failures() int {
	_, after, found := strings.Cut(l.call(http.MethodGet, "/metrics", nil).Body.String(), "\nrstuf_publish_failures_total ")
	require.True(l, found)
	count, _, _ := strings.Cut(after, "\n")
	failures, err := strconv.Atoi(count)
	require.NoError(l, err)
	return failures
}

// A name that somebody else has taken costs one failed attempt: the next one passes it by.
// What is there stays as it is. What nobody has committed is removed at last, once
// something newer is.
func TestTakenNames(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	require.NoError(t, l.open())
	require.True(t, l.send("/bootstrap/", l.payload))
	require.True(t, l.add(map[string]string{"a": "1", "b": "2", "c": "3"}))
	theirs := map[string]string{}
	for _, role := range []string{"snapshot", "bins-0"} {
		theirs[fmt.Sprintf("%d.%s.json", l.store.version(role)+1, role)] = "of another writer"
	}
	for name, content := range theirs {
		key := prefix + name
		_, err := l.store.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &l.store.bucket, Key: &key, Body: strings.NewReader(content)})
		require.NoError(t, err)
	}
	require.Zero(t, l.failures())
	require.True(t, l.add(map[string]string{"a": "11", "b": "22", "c": "33"}))
	assert.Positive(t, l.failures())
	assert.LessOrEqual(t, l.failures(), len(theirs))
	for name, content := range theirs {
		assert.Equal(t, content, l.store.file(name), name)
	}
	for range 3 {
		l.kill()
		require.NoError(t, l.open()) // keeps looks at what it removes
		require.True(t, l.add(map[string]string{"a": "12", "b": "23", "c": "34"}))
	}
	require.NoError(t, l.service.Close(t.Context()))
	assert.Equal(t, l.wanted(), l.published())
	assert.Positive(t, l.store.removed.Load())
}

// What a store that is far away is asked for one artifact, one after the other: the bin
// as it was, the new bin, the snapshot, the timestamp as it was, the new one.
func TestRequestsOfOneArtifact(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	require.NoError(t, l.open())
	require.True(t, l.send("/bootstrap/", l.payload))
	require.True(t, l.add(map[string]string{"a": "1"}))
	var mu sync.Mutex
	var methods []string
	l.store.fail(func(_ int64, r *http.Request) fault {
		mu.Lock()
		defer mu.Unlock()
		methods = append(methods, r.Method)
		return none
	})
	require.True(t, l.add(map[string]string{"a": "2"}))
	l.kill()
	assert.Equal(t, []string{"PUT", "PUT", "GET", "PUT"}, methods)
}
