package rstuftest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"example.org/rstuf/metadata"
)

// find is section 5.6.
func (n *naive) find(role string, by metadata.Delegation, visited map[string]bool) (metadata.TargetFile, error) {
	if visited[role] && !n.flaws["visited roles"] || len(visited) > 40 && !n.flaws["bounded search"] {
		return metadata.TargetFile{}, os.ErrNotExist
	}
	visited[role] = true
	meta, ok := n.snapshot.Meta[role+".json"]
	if !ok {
		return metadata.TargetFile{}, os.ErrNotExist
	}
	s, data, err := n.load(role, meta.Version, 32<<20, by)
	if err != nil {
		return metadata.TargetFile{}, err
	}
	if err := errors.Join(n.expired(s), n.keep(role, data)); err != nil {
		return metadata.TargetFile{}, err
	}
	targets, err := s.doc.Targets()
	if err != nil {
		return metadata.TargetFile{}, err
	}
	if file, ok := targets.Targets[n.Artifact]; ok || targets.Delegations == nil {
		if !ok {
			err = os.ErrNotExist
		}
		return file, err
	}
	for next := range targets.Delegations.RolesFor(n.Artifact) {
		d, err := targets.Delegation(next.Name)
		if err != nil {
			return metadata.TargetFile{}, err
		}
		file, err := n.find(next.Name, d, visited)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return file, err
		}
	}
	return metadata.TargetFile{}, os.ErrNotExist
}

// fetch gets a file of so many bytes.
func (n *naive) fetch(target string, most int64) ([]byte, error) {
	ctx := n.ctx
	if !n.flaws["patience"] {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	client := *n.HTTPClient
	client.CheckRedirect = func(next *http.Request, _ []*http.Request) error {
		if next.URL.Host != req.URL.Host && !n.flaws["credentials"] {
			next.Header = http.Header{}
		}
		return nil
	}
	req.Header = n.Header.Clone()
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %w", target, resp.Status, os.ErrNotExist)
	}
	body := io.Reader(resp.Body)
	if !n.flaws["bounds"] {
		body = io.LimitReader(body, most+1)
	}
	data, err := io.ReadAll(body)
	if err == nil && int64(len(data)) > most {
		err = errors.New("too large")
	}
	return bytes.TrimLeft(data, " "), err
}
