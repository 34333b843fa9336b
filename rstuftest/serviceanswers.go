package rstuftest

import (
	_ "embed" // the recorded answers
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"example.org/rstuf"
	"example.org/rstuf/internal/wire"
)

// answer is what a deployed RSTUF said to one request.
type answer struct {
	Status  int    `json:"status"`
	Message string `json:"message,omitempty"`
	Error   string `json:"error,omitempty"`
	// Fields are types and places of the field errors of a 422.
	Fields []string `json:"fields,omitempty"`
	// Data are the names of what the answer has.
	Data []string `json:"data,omitempty"`
	// Task is how the task ended.
	Task *ending `json:"task,omitempty"`
}

type ending struct {
	State   rstuf.TaskState `json:"state"`
	Message string          `json:"message,omitempty"`
	Error   string          `json:"error,omitempty"`
	// Details are the names of its details.
	Details []string `json:"details,omitempty"`
}

//go:embed answers.json
var answersJSON []byte

// recordedAnswers are all answers, by scenario and step.
var recordedAnswers = sync.OnceValues(func() (map[string]map[string]answer, error) {
	var all map[string]map[string]answer
	return all, json.Unmarshal(answersJSON, &all)
})

// readAnswer reads an answer as RSTUF writes them.
func readAnswer(status int, text []byte) (answer, json.RawMessage, error) {
	got := answer{Status: status}
	switch {
	case len(text) == 0 || status == http.StatusTemporaryRedirect || status == http.StatusInternalServerError:
		return got, nil, nil
	case status >= 400:
		var body wire.ErrorBody
		if err := json.Unmarshal(text, &body); err != nil {
			return got, nil, fmt.Errorf("status %d with a body that is none of RSTUF's: %w", status, err)
		}
		got.Message, got.Error = body.Message, body.Reason
		for _, field := range body.Fields {
			got.Fields = append(got.Fields, strings.TrimSpace(fmt.Sprintln(append([]any{field.Type}, field.Loc...)...)))
		}
		return got, nil, nil
	}
	var body wire.Response[json.RawMessage]
	if err := json.Unmarshal(text, &body); err != nil {
		return got, nil, fmt.Errorf("status %d with a body that is none of RSTUF's: %w", status, err)
	}
	got.Message = body.Message
	if body.Data == nil {
		return got, nil, nil
	}
	got.Data = fieldNames(*body.Data)
	return got, *body.Data, nil
}

// fieldNames are the names in an object of what is not null.
func fieldNames(object json.RawMessage) (names []string) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) != nil {
		return nil
	}
	for name, value := range fields {
		if string(value) != "null" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// readEnding reads a task.
func readEnding(data json.RawMessage) (*ending, bool) {
	var task struct {
		State  rstuf.TaskState `json:"state"`
		Result struct {
			Message string          `json:"message"`
			Error   string          `json:"error"`
			Details json.RawMessage `json:"details"`
		} `json:"result"`
	}
	if json.Unmarshal(data, &task) != nil || !task.State.Terminal() {
		return nil, false
	}
	return &ending{task.State, task.Result.Message, task.Result.Error, fieldNames(task.Result.Details)}, true
}

// differs says in what an answer is not the recorded one. More fields are no
// difference.
func (a answer) differs(want answer) error {
	var found []string
	compare := func(what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			found = append(found, fmt.Sprintf("%s is %q in place of %q", what, fmt.Sprint(got), fmt.Sprint(want)))
		}
	}
	compare("status", a.Status, want.Status)
	compare("message", a.Message, want.Message)
	compare("error", a.Error, want.Error)
	compare("list of field errors", a.Fields, want.Fields)
	compare("what the data lacks", missing(a.Data, want.Data), []string{})
	if want.Task != nil && a.Task != nil {
		compare("the task's state", a.Task.State, want.Task.State)
		compare("the task's message", a.Task.Message, want.Task.Message)
		compare("the task's error", a.Task.Error, want.Task.Error)
		compare("what the task's details lack", missing(a.Task.Details, want.Task.Details), []string{})
	}
	if len(found) == 0 {
		return nil
	}
	return errors.New(strings.Join(found, "; "))
}

func missing(got, want []string) []string {
	return slices.DeleteFunc(slices.Clone(want), func(name string) bool { return slices.Contains(got, name) })
}
