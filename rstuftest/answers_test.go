package rstuftest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

var updateAnswers = flag.Bool("update-answers", false, "write answers.json anew from the recordings")

// The answers that TestService asks for are those of the recordings.
func TestAnswersAreRecorded(t *testing.T) {
	recordings, err := testdir.ReadRecordings(testdir.Find(t, testdir.Recordings))
	require.NoError(t, err)
	all := map[string]map[string]answer{}
	for scenario, exchanges := range recordings {
		steps, tasks := map[string]answer{}, map[string]string{}
		for _, e := range exchanges {
			if e.Response == nil {
				_, data, err := readAnswer(200, e.TaskStates[len(e.TaskStates)-1].Body)
				require.NoError(t, err, e.Step)
				var task struct {
					ID string `json:"task_id"`
				}
				require.NoError(t, json.Unmarshal(data, &task))
				step := steps[tasks[task.ID]]
				end, ended := readEnding(data)
				require.True(t, ended, e.Step)
				step.Task = end
				steps[tasks[task.ID]] = step
				continue
			}
			got, data, err := readAnswer(e.Response.Status, e.Response.Body)
			require.NoError(t, err, e.Step)
			// A deployed RSTUF keeps settings of roles that it has refused or removed.
			got.Data = slices.DeleteFunc(got.Data, func(name string) bool {
				return strings.HasPrefix(name, "a/b_") || strings.HasPrefix(name, "extra_")
			})
			steps[e.Step] = got
			var accepted struct {
				ID string `json:"task_id"`
			}
			if json.Unmarshal(data, &accepted) == nil && accepted.ID != "" && got.Status == 202 {
				tasks[accepted.ID] = e.Step
			}
		}
		all[scenario] = steps
	}
	if *updateAnswers {
		data, err := json.MarshalIndent(all, "", "\t")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile("answers.json", append(data, '\n'), 0o644))
	}
	kept, err := recordedAnswers()
	require.NoError(t, err)
	require.Len(t, kept, len(all), "go test ./rstuftest -run Answers -update-answers makes answers.json anew")
	for scenario, steps := range all {
		require.Len(t, kept[scenario], len(steps), scenario)
		for step, answer := range steps {
			assert.Equal(t, answer, kept[scenario][step], "%s/%s", scenario, step)
		}
	}
}

// embedded starts an embedded service behind a gateway.
func embedded(gateway func(http.Handler) http.Handler) func(t *testing.T, online []*keys.Private) Deployment {
	return func(t *testing.T, online []*keys.Private) Deployment {
		svc, err := service.Open(t.Context(), service.Config{Dir: t.TempDir(), OnlineKeys: []keys.Signer{online[0], online[1]}, UnsafeNoSync: true})
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, svc.Close(context.Background())) })
		api, files := httptest.NewServer(gateway(svc.Handler())), httptest.NewServer(svc.MetadataHandler())
		t.Cleanup(api.Close)
		t.Cleanup(files.Close)
		return Deployment{APIURL: api.URL, MetadataURL: files.URL, Header: http.Header{"X-Api-Key": {"secret"}}}
	}
}

// The embedded service is RSTUF, also behind a gateway that wants a header.
func TestEmbeddedService(t *testing.T) {
	t.Parallel()
	TestService(t, embedded(func(api http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Api-Key") != "secret" {
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
			api.ServeHTTP(w, r)
		})
	}), nil)
}

// A gateway that changes answers is found out: all that it changes fails, and
// nothing else.
func TestGatewayThatChangesAnswers(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{http.StatusNotFound: page, http.StatusUnprocessableEntity: `{"detail":"bad request"}`} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			answers, err := recordedAnswers()
			require.NoError(t, err)
			known := map[string]string{}
			for scenario, steps := range answers {
				for step, answer := range steps {
					if answer.Status == status {
						known[scenario+"/"+step] = "the gateway has a page of its own"
					}
				}
			}
			require.Greater(t, len(known), 10)
			TestService(t, embedded(func(api http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					full := &recorded{header: w.Header()}
					api.ServeHTTP(full, r)
					text := full.body.String()
					if full.status == status {
						text = body
					}
					w.Header().Set("Content-Length", fmt.Sprint(len(text)))
					w.WriteHeader(full.status)
					io.WriteString(w, text)
				})
			}), known)
		})
	}
}
