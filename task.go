package rstuf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// TaskState is where a task is on its way.
type TaskState string

// The states of a task that RSTUF's own code names; Celery, which runs it, has
// more. A task id that the service does not know is PENDING for ever.
const (
	TaskPending TaskState = "PENDING"
	TaskStarted TaskState = "STARTED"
	TaskRunning TaskState = "RUNNING"
	TaskSuccess TaskState = "SUCCESS"
	// TaskErrored: RSTUF refused; the result's Error says why.
	TaskErrored TaskState = "ERRORED"
	// TaskFailure: the task broke; the result's Message says how.
	TaskFailure TaskState = "FAILURE"
)

// Terminal tells whether a task in this state has ended.
func (s TaskState) Terminal() bool {
	switch s {
	case TaskSuccess, TaskErrored, TaskFailure, "REVOKED", "REJECTED", "IGNORED":
		return true
	}
	return false
}

// Task is a task as GET /task/ tells it.
type Task struct {
	ID     string      `json:"task_id"`
	State  TaskState   `json:"state"`
	Result *TaskResult `json:"result,omitempty"`
}

// Succeeded tells whether the task ended without a failure: state SUCCESS and,
// where the result says so, status true. It may have left out a part of what was
// asked all the same: see [Task.Missing].
func (t Task) Succeeded() bool {
	return t.State == TaskSuccess && (t.Result == nil || t.Result.Status == nil || *t.Result.Status)
}

// Reason is the service's own word on why a task did not succeed: the result's
// error, else its message; empty if it gave none.
func (t Task) Reason() string {
	switch {
	case t.Result == nil:
		return ""
	case t.Result.Error != "":
		return t.Result.Error
	}
	return t.Result.Message
}

// TaskResult is what a task reports. Any of it may be absent, and while a task
// runs most of it is.
type TaskResult struct {
	Message string `json:"message,omitempty"`
	Error   string `json:"error,omitempty"`
	Status  *bool  `json:"status,omitempty"`
	// Task is what the task does: add_artifacts, remove_artifacts,
	// publish_artifacts, bootstrap, update_settings, metadata_update,
	// metadata_delegation, sign_metadata, delete_sign_metadata or
	// force_online_metadata_update, the bump of online roles.
	Task       string       `json:"task,omitempty"`
	LastUpdate Time         `json:"last_update,omitzero"`
	Details    *TaskDetails `json:"details,omitempty"`
}

// TaskDetails holds the details of all kinds of task; those that a task does
// not report are nil or empty.
type TaskDetails struct {
	// add_artifacts, publish_artifacts
	AddedArtifacts []string `json:"added_artifacts,omitzero"`
	InvalidPaths   []string `json:"invalid_paths,omitzero"`
	ArtifactRoles  Names    `json:"artifact_roles,omitzero"`
	// remove_artifacts
	DeletedArtifacts  []string `json:"deleted_artifacts,omitzero"`
	NotFoundArtifacts []string `json:"not_found_artifacts,omitzero"`
	// while artifacts are published
	PublishedRoles Names `json:"published_roles,omitzero"`
	RolesToPublish Names `json:"roles_to_publish,omitzero"`
	// update_settings
	UpdatedRoles Names `json:"updated_roles,omitzero"`
	InvalidRoles Names `json:"invalid_roles,omitzero"`
	// metadata_delegation
	DelegatedRoles Names        `json:"delegated_roles,omitzero"`
	FailedRoles    []FailedRole `json:"failed_roles,omitzero"`
	// bootstrap, metadata_update, sign_metadata, delete_sign_metadata
	Bootstrap string `json:"bootstrap,omitempty"`
	Role      string `json:"role,omitempty"`
	Update    string `json:"update,omitempty"`
	// Extra holds every other field, byte for byte.
	Extra map[string]json.RawMessage `json:"-"`
}

type taskDetailsPlain TaskDetails

// MarshalJSON writes the details with their extra fields.
func (d TaskDetails) MarshalJSON() ([]byte, error) {
	return marshalWithExtra(taskDetailsPlain(d), d.Extra)
}

// UnmarshalJSON reads details and keeps the fields it does not know.
func (d *TaskDetails) UnmarshalJSON(data []byte) error {
	var plain taskDetailsPlain
	extra, err := unmarshalWithExtra(data, &plain)
	if err != nil {
		return err
	}
	*d = TaskDetails(plain)
	d.Extra = extra
	return nil
}

// FailedRole is a delegated role that a task could not change, and why.
type FailedRole struct {
	Role   string `json:"role"`
	Reason string `json:"reason"`
}

// UnmarshalJSON accepts a reason that is a text or a list of texts.
func (f *FailedRole) UnmarshalJSON(data []byte) error {
	var w struct {
		Role   string          `json:"role"`
		Reason json.RawMessage `json:"reason"`
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	f.Role, f.Reason = w.Role, ""
	if len(w.Reason) == 0 {
		return nil
	}
	if json.Unmarshal(w.Reason, &f.Reason) == nil {
		return nil
	}
	var list []string
	if err := json.Unmarshal(w.Reason, &list); err != nil {
		return fmt.Errorf("reason of role %q: neither a text nor a list of texts", w.Role)
	}
	f.Reason = strings.Join(list, "; ")
	return nil
}

// Names is a list of role names. Decoding accepts what deployments send in its
// place: {} for an empty list, and a Python list printed as a string.
type Names []string

// UnmarshalJSON reads a list, {}, null or a string such as "['bins-0']".
func (n *Names) UnmarshalJSON(data []byte) error {
	switch data = bytes.TrimSpace(data); {
	case string(data) == "null":
		*n = nil
		return nil
	case len(data) > 0 && data[0] == '{':
		*n = Names{}
		return nil
	case len(data) > 0 && data[0] == '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		*n = pythonList(text)
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*n = list
	return nil
}

// pythonList reads the printed form of a Python list of role names, which
// hold no quotes and no commas. A text of another form is one name.
func pythonList(text string) Names {
	inner, ok := strings.CutPrefix(text, "[")
	if !ok {
		return Names{text}
	}
	names := Names{}
	for item := range strings.SplitSeq(strings.TrimSuffix(inner, "]"), ",") {
		if item = strings.Trim(strings.TrimSpace(item), `'"`); item != "" {
			names = append(names, item)
		}
	}
	return names
}

// Time is a point in time as RSTUF writes it: RFC 3339 in UTC with
// microseconds; older releases leave out the zone.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000000Z07:00"

// MarshalJSON writes the time in UTC with microseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.UTC().Format(timeLayout) + `"`), nil
}

// UnmarshalJSON reads a time with or without a zone; without one it is UTC.
func (t *Time) UnmarshalJSON(data []byte) error {
	var text *string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if text == nil || *text == "" {
		*t = Time{}
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if parsed, err := time.Parse(layout, *text); err == nil {
			t.Time = parsed.UTC()
			return nil
		}
	}
	return fmt.Errorf("time %q is not of the form YYYY-MM-DDTHH:MM:SSZ", *text)
}
