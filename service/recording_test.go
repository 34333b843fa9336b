package service_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
)

// recordings is the folder of the recorded scenarios.
var recordings = flag.String("recordings", testdir.Recordings, "folder with NAME.json, NAME.keys.json and NAME.repository")

// exchange is one entry of a recording.
type exchange struct {
	Step    string `json:"step"`
	Request struct {
		Method string          `json:"method"`
		Path   string          `json:"path"`
		Body   json.RawMessage `json:"body"`
		Raw    string          `json:"raw"`
	} `json:"request"`
	Response *struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    any               `json:"body"`
		Text    string            `json:"text"`
	} `json:"response"`
	TaskStates []struct {
		Status int `json:"status"`
		Body   any `json:"body"`
	} `json:"task_states"`
}

func (e *exchange) endpoint() string {
	path, _, _ := strings.Cut(e.Request.Path, "?")
	return e.Request.Method + " " + strings.TrimPrefix(path, "/api/v1")
}

// payload is the body that was sent.
func (e *exchange) payload() []byte {
	if e.Request.Raw != "" {
		return []byte(e.Request.Raw)
	}
	return e.Request.Body
}

// scenario is one recording.
type scenario struct {
	name      string
	exchanges []exchange
	keys      map[string]*keys.Private // by key id
	start     time.Time
}

// loadScenarios reads all recordings of a folder. One without any is an error.
func loadScenarios(t *testing.T) []scenario {
	files, err := filepath.Glob(filepath.Join(testdir.Find(t, *recordings), "*.json"))
	require.NoError(t, err)
	var list []scenario
	for _, file := range files {
		if strings.HasSuffix(file, ".keys.json") {
			continue
		}
		s := scenario{name: strings.TrimSuffix(filepath.Base(file), ".json")}
		readJSON(t, file, &s.exchanges)
		require.NotEmpty(t, s.exchanges, file)
		s.keys, err = tuftest.RecordedKeys(strings.TrimSuffix(file, ".json") + ".keys.json")
		require.NoError(t, err)
		s.start = firstTime(t, file)
		list = append(list, s)
	}
	require.NotEmpty(t, list, "no recordings in %s", *recordings)
	return list
}

// scenarioOf is the recording of a name, which ours have. Others may lack it: the
// rest of the test is skipped then.
func scenarioOf(t *testing.T, name string) scenario {
	t.Helper()
	for _, s := range loadScenarios(t) {
		if s.name == name {
			return s
		}
	}
	require.NotEqual(t, testdir.Recordings, *recordings, "there is no recording %s", name)
	t.Skipf("%s has no recording %s", *recordings, name)
	return scenario{}
}

func readJSON(t testing.TB, file string, v any) {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, v), file)
}

// firstTime is the first time that a recording mentions as a task's.
func firstTime(t *testing.T, file string) time.Time {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var first time.Time
	for _, part := range strings.Split(string(data), `"last_update": "`)[1:] {
		text, _, _ := strings.Cut(part, `"`)
		var at rstuf.Time
		require.NoError(t, at.UnmarshalJSON([]byte(`"`+text+`"`)))
		if first.IsZero() || at.Before(first) {
			first = at.Time
		}
	}
	require.False(t, first.IsZero(), "%s names no last_update", file)
	return first
}

// call sends a request to a handler.
func call(h http.Handler, method, path string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// parse decodes an answer's JSON with numbers as they stand.
func parse(t require.TestingT, data []byte) any {
	var v any
	dec := json.NewDecoder(bytes.NewReader(data))
	require.NoError(t, dec.Decode(&v), "%s", data)
	_, err := dec.Token()
	require.ErrorIs(t, err, io.EOF)
	return v
}
