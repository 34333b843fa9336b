package client_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/testdir"
)

// FuzzAnswers: no answer makes the client panic, and what is no success is an
// error of one line.
func FuzzAnswers(f *testing.F) {
	all, err := testdir.ReadRecordings(testdir.Recordings)
	require.NoError(f, err)
	for _, list := range all {
		for _, e := range list {
			for _, a := range append(e.TaskStates, testdir.Answer{Status: 200, Text: "{"}) {
				f.Add(a.Status, string(a.Body)+a.Text)
			}
			if e.Response != nil {
				f.Add(e.Response.Status, string(e.Response.Body)+e.Response.Text)
			}
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 999 {
			return
		}
		api := offline(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		}), client.Config{Retries: -1})
		ctx := t.Context()
		_, taskErr := api.Task("x").State(ctx)
		ended, endErr := api.Task("x").State(ctx)
		if endErr == nil {
			endErr = &client.TaskError{Task: ended}
		}
		_, settingsErr := api.Settings(ctx)
		_, pendingErr := api.Pending(ctx)
		_, stateErr := api.BootstrapState(ctx)
		_, addErr := api.AddArtifacts(ctx, rstuf.AddArtifacts{})
		for _, err := range []error{taskErr, endErr, settingsErr, pendingErr, stateErr, addErr} {
			if status >= 300 {
				require.Error(t, err)
			}
			if err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("an error with control characters: %q", err)
			}
		}
	})
}

// FuzzTaskOfAnUpload: what a bulk upload reads of a task agrees with what
// anybody reads of it.
func FuzzTaskOfAnUpload(f *testing.F) {
	f.Add(`{"task_id":"x","state":"SUCCESS","result":{"status":true,"details":{"added_artifacts":["a","b\"","c\\"],"invalid_paths":["d"]}}}`)
	f.Add(`{"task_id":"x","state":"SUCCESS","result":{"details":{"added_artifacts":[]}}}`)
	f.Add(`{"task_id":"x","state":"SUCCESS","result":{"details":{"added_artifacts":null}}}`)
	f.Add(`{"task_id":"x","state":"SUCCESS"}`)
	f.Fuzz(func(t *testing.T, task string) {
		added, err := client.CountAdded([]byte(task))
		var full rstuf.Task
		if jsonErr := json.Unmarshal([]byte(task), &full); jsonErr != nil || err != nil {
			return
		}
		if full.Result == nil || full.Result.Details == nil {
			require.Zero(t, added)
			return
		}
		require.Equal(t, len(full.Result.Details.AddedArtifacts), added)
	})
}
