// Package wire is what a client and a service of RSTUF's API share and nobody
// else needs: the envelopes of answers and the words in them.
package wire

import "example.org/rstuf"

// Response is the envelope of every successful answer of the API.
type Response[T any] struct {
	Data    *T     `json:"data,omitempty"`
	Message string `json:"message,omitempty"`
}

// Accepted is the data of an answer 202: a task was queued.
type Accepted struct {
	// Artifacts are the paths of the request, for artifact requests alone.
	Artifacts  []string   `json:"artifacts,omitzero"`
	TaskID     string     `json:"task_id"`
	LastUpdate rstuf.Time `json:"last_update,omitzero"`
}

// The states of a bootstrap; before any there is none.
const (
	BootstrapPre      = "pre"      // the task runs
	BootstrapSigning  = "signing"  // root signatures are missing
	BootstrapFinished = "finished" // the repository exists
)

// MaxTasks is how many tasks GET /tasks/ lists at most.
const MaxTasks = 1000

// What tasks do, as their results name it.
const (
	TaskAddArtifacts       = "add_artifacts"
	TaskRemoveArtifacts    = "remove_artifacts"
	TaskPublishArtifacts   = "publish_artifacts"
	TaskBootstrap          = "bootstrap"
	TaskUpdateSettings     = "update_settings"
	TaskMetadataUpdate     = "metadata_update"
	TaskMetadataDelegation = "metadata_delegation"
	TaskSignMetadata       = "sign_metadata"
	TaskDeleteSignMetadata = "delete_sign_metadata"
	// TaskForceOnlineMetadataUpdate is the bump of online roles.
	TaskForceOnlineMetadataUpdate = "force_online_metadata_update"
)
