package client

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"example.org/rstuf"
)

// appendAddArtifacts appends the request as JSON, the same as its
// MarshalJSON and many times as fast.
func appendAddArtifacts(dst []byte, request rstuf.AddArtifacts) ([]byte, error) {
	dst = append(dst, addArtifactsHead...)
	for i := range request.Artifacts {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendArtifact(dst, &request.Artifacts[i]); err != nil {
			return nil, fmt.Errorf("artifacts[%d]: %w", i, err)
		}
	}
	return appendAddArtifactsTail(dst, request.AddTaskIDToCustom, request.SkipPublish), nil
}

const (
	addArtifactsHead = `{"artifacts":[`
	maxTail          = 64 // more than what follows the artifacts
)

func appendAddArtifactsTail(dst []byte, addTaskID, skipPublish bool) []byte {
	dst = append(dst, ']')
	if addTaskID {
		dst = append(dst, `,"add_task_id_to_custom":true`...)
	}
	if skipPublish {
		dst = append(dst, `,"publish_artifacts":false`...)
	}
	return append(dst, '}')
}

func appendArtifact(dst []byte, a *rstuf.Artifact) ([]byte, error) {
	if !utf8.ValidString(a.Path) {
		// JSON would hold another path than the one meant.
		return nil, fmt.Errorf("path %q is not UTF-8", a.Path)
	}
	dst = append(dst, `{"path":`...)
	dst = appendString(dst, a.Path)
	dst = append(dst, `,"info":{"length":`...)
	dst = strconv.AppendInt(dst, a.Info.Length, 10)
	dst = append(dst, `,"hashes":{`...)
	for i, algorithm := range algorithms(a.Info.Hashes) {
		digest := a.Info.Hashes[algorithm]
		if !utf8.ValidString(algorithm) || !utf8.ValidString(digest) {
			return nil, fmt.Errorf("path %q: a hash is not UTF-8", a.Path)
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, algorithm)
		dst = append(dst, ':')
		dst = appendString(dst, digest)
	}
	dst = append(dst, '}')
	if len(a.Info.Custom) > 0 {
		if !json.Valid(a.Info.Custom) {
			return nil, fmt.Errorf("path %q: custom is not JSON", a.Path)
		}
		dst = append(dst, `,"custom":`...)
		dst = append(dst, a.Info.Custom...)
	}
	return append(dst, '}', '}'), nil
}

// algorithms are the names of the hashes in order; there is mostly one.
func algorithms(hashes map[string]string) []string {
	if len(hashes) == 1 {
		for name := range hashes {
			return []string{name}
		}
	}
	return slices.Sorted(maps.Keys(hashes))
}

// appendString appends valid UTF-8 as a JSON string.
func appendString(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[start:i]...)
		start = i + 1
		if c < ' ' {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, '\\', c)
		}
	}
	dst = append(dst, text[start:]...)
	return append(dst, '"')
}
