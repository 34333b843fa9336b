package rstuf_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/wire"
)

var recordingsDir = flag.String("recordings", "testdata/recordings", "folder with recorded exchanges")

// eachExchange runs f for every exchange of every recording.
func eachExchange(t *testing.T, f func(t *testing.T, e testdir.Exchange)) {
	t.Helper()
	all, err := testdir.ReadRecordings(*recordingsDir)
	require.NoError(t, err)
	for name, list := range all {
		for i, e := range list {
			t.Run(fmt.Sprintf("%s/%d-%s", name, i, e.Step), func(t *testing.T) { f(t, e) })
		}
	}
}

// decoders by method and path.
var decoders = map[string]func([]byte) (any, error){
	"POST /api/v1/bootstrap/":           request[rstuf.BootstrapPayload],
	"PUT /api/v1/config/":               request[rstuf.SettingsUpdate],
	"POST /api/v1/metadata/":            request[rstuf.MetadataUpdate],
	"POST /api/v1/metadata/online":      request[rstuf.OnlineBump],
	"POST /api/v1/metadata/sign":        request[rstuf.MetadataSign],
	"POST /api/v1/metadata/sign/delete": request[rstuf.MetadataSignDelete],
	"POST /api/v1/delegations/":         request[rstuf.DelegationsUpdate],
	"PUT /api/v1/delegations/":          request[rstuf.DelegationsUpdate],
	"POST /api/v1/delegations/delete":   request[rstuf.DelegationsDelete],
	"POST /api/v1/artifacts/":           request[rstuf.AddArtifacts],
	"POST /api/v1/artifacts/delete":     request[rstuf.DeleteArtifacts],
}

func request[T rstuf.Request](body []byte) (any, error) { return rstuf.Decode[T](body) }

// refused are the requests that a deployment took (or broke on) and that
// Decode refuses, by what stands in the error. See "Where the real service
// errs" in the documentation of the service.
var refused = []string{
	"at least one hash is required",
	"Delegated custom target name a/b not allowed",
	"paths: Field required",
}

func TestDecodeEveryRecordedRequest(t *testing.T) {
	eachExchange(t, func(t *testing.T, e testdir.Exchange) {
		decode, ok := decoders[e.Request.Method+" "+e.Request.Path]
		if !ok || e.Response == nil {
			return
		}
		body := e.Payload()
		req, err := decode(body)
		if e.Response.Status == 422 {
			assertRecordedError(t, e.Response.Body, err)
			return
		}
		if err != nil {
			for _, known := range refused {
				if strings.Contains(err.Error(), known) {
					return
				}
			}
			require.NoError(t, err)
		}
		again, err := json.Marshal(req)
		require.NoError(t, err)
		assertSameJSON(t, body, again)
	})
}

// assertRecordedError compares the field errors with a recorded 422 body.
func assertRecordedError(t *testing.T, body []byte, err error) {
	var invalid rstuf.ValidationError
	require.ErrorAs(t, err, &invalid)
	ours, err := json.Marshal(wire.ErrorBody{Fields: invalid})
	require.NoError(t, err)
	if strings.Contains(string(body), "json_invalid") {
		// The words on what is wrong with the JSON are each parser's own.
		var recorded wire.ErrorBody
		require.NoError(t, json.Unmarshal(body, &recorded))
		assert.Equal(t, recorded.Fields[0].Type, invalid[0].Type)
		assert.Equal(t, recorded.Fields[0].Msg, invalid[0].Msg)
		assert.EqualValues(t, recorded.Fields[0].Loc[1], invalid[0].Loc[1])
		return
	}
	assert.JSONEq(t, string(body), string(ours))
}

// assertSameJSON compares two bodies; a field with its default value counts as
// absent.
func assertSameJSON(t *testing.T, want, got []byte) {
	t.Helper()
	var w, g any
	require.NoError(t, json.Unmarshal(want, &w))
	require.NoError(t, json.Unmarshal(got, &g))
	assert.Equal(t, testdir.WithoutNulls(w), testdir.WithoutNulls(g))
}

func TestDecodeEveryRecordedAnswer(t *testing.T) {
	eachExchange(t, func(t *testing.T, e testdir.Exchange) {
		for _, state := range e.TaskStates {
			task := answer[rstuf.Task](t, state.Body)
			assert.NotEmpty(t, task.ID)
			assert.NotEmpty(t, task.State)
		}
		if e.Response == nil || len(e.Response.Body) == 0 {
			return
		}
		body := e.Response.Body
		path, _, _ := strings.Cut(e.Request.Path, "?")
		switch {
		case e.Response.Status == 202:
			assert.NotEmpty(t, answer[wire.Accepted](t, body).TaskID)
		case e.Response.Status >= 400 || strings.Contains(string(body), `"detail"`) && !strings.Contains(string(body), `"data"`):
			var bad wire.ErrorBody
			require.NoError(t, json.Unmarshal(body, &bad))
			assert.NotEmpty(t, bad.Error())
			again, err := json.Marshal(bad)
			require.NoError(t, err)
			assertSameJSON(t, body, again)
		case path == "/api/v1/bootstrap/":
			answer[rstuf.BootstrapState](t, body)
		case path == "/api/v1/config/":
			assert.NotNil(t, answer[rstuf.RepositorySettings](t, body).OnlineKey)
		case path == "/api/v1/metadata/sign":
			answer[rstuf.PendingMetadata](t, body)
		case path == "/api/v1/task/":
			answer[rstuf.Task](t, body)
		default:
			t.Errorf("no decoder for the answer to %s %s", e.Request.Method, e.Request.Path)
		}
	})
}

// answer decodes a body, checks that encoding it again loses nothing, and
// returns its data.
func answer[T any](t *testing.T, body []byte) T {
	t.Helper()
	var response wire.Response[T]
	require.NoError(t, json.Unmarshal(body, &response))
	again, err := json.Marshal(response)
	require.NoError(t, err)
	assertSameJSON(t, normalPythonLists(t, body), again)
	if response.Data == nil {
		return *new(T)
	}
	return *response.Data
}

// normalPythonLists puts lists where deployments print them as strings or
// write {} for them.
func normalPythonLists(t *testing.T, body []byte) []byte {
	t.Helper()
	var tree map[string]any
	require.NoError(t, json.Unmarshal(body, &tree))
	data, _ := tree["data"].(map[string]any)
	result, _ := data["result"].(map[string]any)
	details, _ := result["details"].(map[string]any)
	if text, ok := details["roles_to_publish"].(string); ok {
		var list []any
		require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(text, "'", `"`)), &list))
		details["roles_to_publish"] = list
	}
	if obj, ok := details["delegated_roles"].(map[string]any); ok && len(obj) == 0 {
		details["delegated_roles"] = []any{}
	}
	if failed, ok := details["failed_roles"].([]any); ok {
		for _, item := range failed {
			role := item.(map[string]any)
			if reasons, ok := role["reason"].([]any); ok {
				role["reason"] = reasons[0]
			}
		}
	}
	out, err := json.Marshal(tree)
	require.NoError(t, err)
	return out
}

func TestRecordedOutcomes(t *testing.T) {
	ended := map[rstuf.TaskState]int{}
	eachExchange(t, func(t *testing.T, e testdir.Exchange) {
		if len(e.TaskStates) == 0 {
			return
		}
		task := answer[rstuf.Task](t, e.TaskStates[len(e.TaskStates)-1].Body)
		require.True(t, task.State.Terminal())
		ended[task.State]++
		assert.Equal(t, task.State == rstuf.TaskSuccess, task.Succeeded())
		if !task.Succeeded() {
			assert.NotEmpty(t, task.Reason())
		}
	})
	assert.NotZero(t, ended[rstuf.TaskSuccess])
}
