package service

import (
	"bytes"
	"encoding/json"
	"net/http"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

type jsonText = json.RawMessage

const requiresFinished = "It requires bootstrap finished."

func (s *Service) postArtifacts(r *http.Request) answer {
	id, err := s.queue.newID(r.Context())
	if err != nil {
		return s.unavailable(err)
	}
	record, paths, err := decodeArtifacts(callOf(r.Context()).body, id)
	if err != nil {
		return invalid(err)
	}
	if a := allowsPaths(r, paths); a != nil {
		return *a
	}
	if a := s.needs(notAccepted, requiresFinished); a != nil {
		return *a
	}
	return s.submitAs(r.Context(), id, record, "New Artifact(s) successfully submitted.", paths)
}

func (s *Service) deleteArtifacts(r *http.Request) answer {
	// Each path has a comma behind it, so this is no less than it will cost.
	if body := callOf(r.Context()).body; int64(bytes.Count(body, []byte{','}))*entryCost > maxBatch {
		return s.unavailable(errTooMany)
	}
	request, _, bad := decode[rstuf.DeleteArtifacts](r)
	if bad != nil {
		return *bad
	}
	if a := allowsPaths(r, request.Artifacts); a != nil {
		return *a
	}
	if a := s.needs(notAccepted, requiresFinished); a != nil {
		return *a
	}
	record := newRecord(removeArtifacts, request.SkipPublish)
	for _, path := range request.Artifacts {
		record = record.appendEntry(path, "")
	}
	return s.submit(r.Context(), record, "Remove Artifact(s) successfully submitted.", orEmpty(request.Artifacts))
}

func (s *Service) publishArtifacts(r *http.Request) answer {
	if a := s.needs(notAccepted, requiresFinished); a != nil {
		return *a
	}
	return s.submit(r.Context(), newRecord(publishArtifacts, false), "Publish artifacts successfully submitted.", []string{})
}

// decodeArtifacts reads the body of a request to add artifacts.
func decodeArtifacts(body []byte, id taskID) (record, []string, error) {
	if r, paths, ok := fastArtifacts(body, id); ok {
		return r, paths, nil
	}
	return slowArtifacts(body, id)
}

// slowArtifacts reads any body, and says what is wrong with it.
func slowArtifacts(body []byte, id taskID) (record, []string, error) {
	request, err := rstuf.Decode[rstuf.AddArtifacts](body)
	if err != nil {
		return nil, nil, err
	}
	r := newRecord(addArtifacts, request.SkipPublish)
	paths := make([]string, len(request.Artifacts))
	var form []byte
	for i, a := range request.Artifacts {
		paths[i] = a.Path
		if string(a.Info.Custom) == "null" {
			a.Info.Custom = nil
		}
		if request.AddTaskIDToCustom {
			if a.Info.Custom, err = addTaskID(a.Info.Custom, id); err != nil {
				return nil, nil, rstuf.ValidationError{fieldError(err, "body", "artifacts", i, "info", "custom")}
			}
		}
		form, err = metadata.TargetFile{ArtifactInfo: a.Info}.AppendCanonical(form[:0])
		if err != nil {
			return nil, nil, rstuf.ValidationError{fieldError(err, "body", "artifacts", i, "info")}
		}
		r = r.appendEntry(a.Path, string(form))
	}
	return r, paths, nil
}

// addTaskID adds the task's id to an artifact's custom data.
func addTaskID(custom json.RawMessage, id taskID) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if len(custom) > 0 {
		if err := json.Unmarshal(custom, &fields); err != nil {
			return nil, err
		}
	}
	fields["added_by_task_id"] = json.RawMessage(`"` + id.String() + `"`)
	return json.Marshal(fields)
}
