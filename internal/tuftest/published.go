package tuftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// Published sums up what a service has published: versions and artifacts.
type Published struct {
	Root      *metadata.Document
	Timestamp int64 // versions
	Snapshot  int64
	Roles     map[string]int64 // versions of the roles in the snapshot
	// Artifacts are the canonical descriptions by path.
	Artifacts map[string]string
	// ByRole are the paths of each delegated role.
	ByRole map[string][]string
}

// Expected is what is expected of a published repository.
type Expected struct {
	// FirstRoot is the file of the root that is trusted; nil means 1.root.json.
	FirstRoot []byte
	Now       time.Time
	// Unsigned tells whether a delegated role may be unpublished since it
	// waits for signatures; nil means that none may.
	Unsigned func(role string) bool
}

// ReadPublished reads all that a service has published, as package repository
// does. Anything that a client could not use is an error.
func ReadPublished(read func(name string) ([]byte, error), opts Expected) (*Published, error) {
	first := opts.FirstRoot
	if first == nil {
		var err error
		if first, err = read(metadata.Filename(rstuf.RoleRoot, 1)); err != nil {
			return nil, err
		}
	}
	reader, err := repository.New(repository.Config{
		MetadataURL: "http://service.invalid", Now: func() time.Time { return opts.Now },
		MaxRoots: 1 << 20, // from the first one on, each time
		HTTP:     repository.HTTPConfig{HTTPClient: &http.Client{Transport: server(read)}, Retries: -1},
	}, repository.TrustRoot(first))
	if err != nil {
		return nil, err
	}
	out := &Published{Roles: map[string]int64{}, Artifacts: map[string]string{}, ByRole: map[string][]string{}}
	for role, err := range reader.Roles(context.Background()) {
		if err == nil {
			err = out.add(role, opts)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// server stands in for a web server.
type server func(name string) ([]byte, error)

func (read server) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Request: r}
	body, err := read(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
	if errors.Is(err, fs.ErrNotExist) {
		answer.StatusCode, err = http.StatusNotFound, nil
	}
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return answer, err
}

// add sums up one role. What repository leaves to its caller is checked here:
// that nothing has expired and that root keeps RSTUF's rules.
func (out *Published) add(role repository.Role, opts Expected) error {
	if role.Err != nil {
		if role.By != rstuf.RoleRoot && opts.Unsigned != nil && opts.Unsigned(role.Name) {
			return nil // also if its keys changed and it waits to be signed by the new ones
		}
		return role.Err
	}
	doc := role.Document
	if err := doc.CheckExpiry(opts.Now); err != nil {
		return fmt.Errorf("role %s: %w", role.Name, err)
	}
	switch role.Name {
	case rstuf.RoleRoot:
		out.Root = doc
		return metadata.CheckRoot(doc, opts.Now)
	case rstuf.RoleTimestamp:
		out.Timestamp = doc.Version()
	case rstuf.RoleSnapshot:
		out.Snapshot = doc.Version()
		content, err := doc.Snapshot()
		if err != nil {
			return err
		}
		for name, file := range content.Meta {
			out.Roles[strings.TrimSuffix(name, ".json")] = file.Version
		}
	case rstuf.RoleTargets:
	default:
		return out.artifacts(role.Name, doc)
	}
	return nil
}

func (out *Published) artifacts(name string, doc *metadata.Document) error {
	files, err := doc.TargetFiles()
	if err != nil {
		return err
	}
	for path, form := range files {
		if _, twice := out.Artifacts[path]; !twice {
			out.Artifacts[path] = string(form)
		}
		out.ByRole[name] = append(out.ByRole[name], path)
	}
	return nil
}
