package rstuftest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/rstuftest"
)

// TestClient: package client publishes through all faults that pass, and tells
// the truth of others; one artifact at a time and in bulk.
func TestClient(t *testing.T) {
	t.Parallel()
	t.Run("AddArtifacts", func(t *testing.T) {
		rstuftest.TestPublisher(t, func(ctx context.Context, u rstuftest.Upload) error {
			api, err := client.New(u.APIURL, client.Config{HTTPClient: u.HTTPClient})
			if err != nil {
				return err
			}
			task, err := api.AddArtifacts(ctx, rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{u.Artifact}})
			if err != nil {
				return err
			}
			_, err = task.Wait(ctx)
			return err
		}, nil)
	})
	t.Run("Publisher", func(t *testing.T) {
		rstuftest.TestPublisher(t, func(ctx context.Context, u rstuftest.Upload) error {
			api, err := client.New(u.APIURL, client.Config{HTTPClient: u.HTTPClient})
			if err != nil {
				return err
			}
			p := client.Publisher{Client: api, Total: 1}
			_, err = p.Publish(ctx, slices.Values([]rstuf.Artifact{u.Artifact}))
			return err
		}, nil)
	})
}

// careless publishes by hand: tries so often, and waits for the task or does not.
func careless(tries int, wait bool, ended func(rstuf.Task) bool) rstuftest.Publisher {
	return func(ctx context.Context, u rstuftest.Upload) error {
		body, err := json.Marshal(rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{u.Artifact}})
		if err != nil {
			return err
		}
		var accepted struct {
			Data struct {
				TaskID string `json:"task_id"`
			}
		}
		if err := ask(ctx, u, tries, http.MethodPost, "artifacts/", body, &accepted); err != nil || !wait {
			return err
		}
		for {
			var answer struct{ Data rstuf.Task }
			if err := ask(ctx, u, tries, http.MethodGet, "task/?task_id="+accepted.Data.TaskID, nil, &answer); err != nil {
				return err
			}
			if ended(answer.Data) {
				return nil
			}
			time.Sleep(time.Second)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
}

func ask(ctx context.Context, u rstuftest.Upload, tries int, method, path string, body []byte, into any) (err error) {
	for range tries {
		var req *http.Request
		req, err = http.NewRequestWithContext(ctx, method, u.APIURL+"/api/v1/"+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		var resp *http.Response
		if resp, err = u.HTTPClient.Do(req); err != nil {
			continue
		}
		data, readErr := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case readErr != nil:
			err = readErr
		case resp.StatusCode >= 300:
			err = fmt.Errorf("status %d", resp.StatusCode)
		default:
			return json.Unmarshal(data, into)
		}
	}
	return err
}

// TestEachFaultCatchesSomebody: publishers that take one thing for another.
func TestEachFaultCatchesSomebody(t *testing.T) {
	t.Parallel()
	left := map[string]bool{}
	for _, fault := range rstuftest.Faults() {
		left[fault.Name] = true
	}
	succeeded := func(task rstuf.Task) bool { return task.State == rstuf.TaskSuccess }
	for name, c := range map[string]struct {
		publish rstuftest.Publisher
		faults  []string
	}{
		"no second try": {careless(1, true, succeeded), []string{
			"answer lost", "answer cut off", "request lost", "internal server error", "bad gateway", "service unavailable", "too many requests",
		}},
		"accepted is published": {careless(5, false, nil), []string{"worker that dies", "task that fails", "success that has done nothing"}},
		"any end is success":    {careless(5, true, func(task rstuf.Task) bool { return task.State.Terminal() }), []string{"task that fails"}},
		"states go forward alone": {func(ctx context.Context, u rstuftest.Upload) error {
			begun, fellBack := false, false
			err := careless(5, true, func(task rstuf.Task) bool {
				fellBack = fellBack || begun && task.State == rstuf.TaskPending
				begun = begun || task.State == rstuf.TaskStarted
				return fellBack || succeeded(task)
			})(ctx, u)
			if fellBack {
				return errors.New("the task was at work and is pending")
			}
			return err
		}, []string{"states out of order"}},
		"errors are nothing": {func(ctx context.Context, u rstuftest.Upload) error {
			_ = careless(1, true, succeeded)(ctx, u)
			return nil
		}, []string{"API down", "web page in place of the API", "request lost"}},
		"waits for ever": {func(_ context.Context, u rstuftest.Upload) error {
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Hour)
			defer cancel()
			return careless(5, true, succeeded)(ctx, u)
		}, []string{"task that never ends", "task that nobody knows"}},
	} {
		for _, fault := range rstuftest.Faults() {
			if slices.Contains(c.faults, fault.Name) {
				t.Run(name+"/"+fault.Name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						err := fault.Try(t, c.publish)
						require.Error(t, err)
						t.Log(err)
					})
				})
				delete(left, fault.Name)
			}
		}
	}
	assert.Empty(t, left, "faults that nobody falls to")
}
