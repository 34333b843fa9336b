package rstuf

import "encoding/json"

// Artifact is one file of a repository: where it is and what is known of it.
type Artifact struct {
	// Path is relative to where artifacts are served, with "/" between
	// folders and no ".." among them.
	Path string       `json:"path"`
	Info ArtifactInfo `json:"info"`
}

// ArtifactInfo is what TUF metadata says of an artifact (TUF specification,
// section 4.5).
type ArtifactInfo struct {
	// Length is the file's size in bytes.
	Length int64 `json:"length"`
	// Hashes maps an algorithm ("sha256", "blake2b-256") to a digest in
	// lower-case hex. There is at least one.
	Hashes map[string]string `json:"hashes"`
	// Custom is any JSON object of the publisher's; it may be absent.
	Custom json.RawMessage `json:"custom,omitempty"`
}

// AddArtifacts is the body of POST /artifacts/. An artifact whose path exists
// replaces the one before it.
type AddArtifacts struct {
	Artifacts []Artifact `json:"artifacts"`
	// AddTaskIDToCustom asks the service to write the task's id into each
	// artifact's custom data, as added_by_task_id.
	AddTaskIDToCustom bool `json:"add_task_id_to_custom,omitempty"`
	// SkipPublish leaves the artifacts unpublished until a publish request,
	// "publish_artifacts": false. On a deployed RSTUF such a request holds
	// one of the worker's processes until then.
	SkipPublish bool `json:"-"`
}

// DeleteArtifacts is the body of POST /artifacts/delete.
type DeleteArtifacts struct {
	// Artifacts are paths.
	Artifacts []string `json:"artifacts"`
	// SkipPublish is as in [AddArtifacts].
	SkipPublish bool `json:"-"`
}

type addArtifactsWire struct {
	*addArtifactsPlain
	Publish *bool `json:"publish_artifacts,omitempty"`
}

type addArtifactsPlain AddArtifacts

// MarshalJSON writes the request.
func (a AddArtifacts) MarshalJSON() ([]byte, error) {
	return json.Marshal(addArtifactsWire{(*addArtifactsPlain)(&a), publishFlag(a.SkipPublish)})
}

// UnmarshalJSON reads the request.
func (a *AddArtifacts) UnmarshalJSON(data []byte) error {
	w := addArtifactsWire{addArtifactsPlain: (*addArtifactsPlain)(a)}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	a.SkipPublish = w.Publish != nil && !*w.Publish
	return nil
}

type deleteArtifactsWire struct {
	*deleteArtifactsPlain
	Publish *bool `json:"publish_artifacts,omitempty"`
}

type deleteArtifactsPlain DeleteArtifacts

// MarshalJSON writes the request.
func (d DeleteArtifacts) MarshalJSON() ([]byte, error) {
	return json.Marshal(deleteArtifactsWire{(*deleteArtifactsPlain)(&d), publishFlag(d.SkipPublish)})
}

// UnmarshalJSON reads the request.
func (d *DeleteArtifacts) UnmarshalJSON(data []byte) error {
	w := deleteArtifactsWire{deleteArtifactsPlain: (*deleteArtifactsPlain)(d)}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	d.SkipPublish = w.Publish != nil && !*w.Publish
	return nil
}

// publishFlag is publish_artifacts as it stands on the wire, where true is
// the default.
func publishFlag(skip bool) *bool {
	if !skip {
		return nil
	}
	publish := false
	return &publish
}
