package testdir

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// An Exchange is one entry of a recording: a request with its answer, or a task
// that was polled until its end.
type Exchange struct {
	Step    string `json:"step"`
	Request struct {
		Method string          `json:"method"`
		Path   string          `json:"path"`
		Body   json.RawMessage `json:"body"`
		// Raw is a body that is no JSON.
		Raw string `json:"raw"`
	} `json:"request"`
	// Response is nil where a task was polled.
	Response   *Answer  `json:"response"`
	TaskStates []Answer `json:"task_states"`
}

// An Answer is what a deployment answered.
type Answer struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
	Text    string            `json:"text"`
}

// Payload is the request's body as it was sent.
func (e Exchange) Payload() []byte {
	if e.Request.Raw != "" {
		return []byte(e.Request.Raw)
	}
	return e.Request.Body
}

// Endpoint is the request's path below the API's prefix, without its query.
func (e Exchange) Endpoint() string {
	path, _, _ := strings.Cut(strings.TrimPrefix(e.Request.Path, "/api/v1"), "?")
	return path
}

// ReadRecordings reads the recordings of a folder, by name. It is an error if
// there are none, or one that says nothing.
func ReadRecordings(dir string) (map[string][]Exchange, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	all := map[string][]Exchange{}
	for _, name := range names {
		if strings.HasSuffix(name, ".keys.json") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var list []Exchange
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("%s: no exchange in it", name)
		}
		for i, e := range list {
			if e.Response == nil && len(e.TaskStates) == 0 {
				return nil, fmt.Errorf("%s: exchange %d has neither an answer nor a task's states", name, i)
			}
		}
		all[strings.TrimSuffix(filepath.Base(name), ".json")] = list
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no recording in %s", dir)
	}
	return all, nil
}

// WithoutNulls is a JSON value without the fields that are null: deployments
// leave them out or not as they please.
func WithoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			if value != nil {
				out[name] = WithoutNulls(value)
			}
		}
		return out
	case []any:
		for i := range v {
			v[i] = WithoutNulls(v[i])
		}
	}
	return v
}
