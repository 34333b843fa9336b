package client

import (
	"encoding/json"
	"errors"
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
	dst, err := appendHashes(dst, a.Info.Hashes)
	if err != nil {
		return nil, fmt.Errorf("path %q: %w", a.Path, err)
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

// appendHashes appends the members in the order of their names. Mostly there is
// one, which needs no sorting.
func appendHashes(dst []byte, hashes map[string]string) ([]byte, error) {
	if len(hashes) == 1 {
		for name, digest := range hashes {
			return appendHash(dst, name, digest)
		}
	}
	for i, name := range slices.Sorted(maps.Keys(hashes)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendHash(dst, name, hashes[name]); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func appendHash(dst []byte, name, digest string) ([]byte, error) {
	if !utf8.ValidString(name) || !utf8.ValidString(digest) {
		return nil, errors.New("a hash is not UTF-8")
	}
	dst = append(appendString(dst, name), ':')
	return appendString(dst, digest), nil
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
