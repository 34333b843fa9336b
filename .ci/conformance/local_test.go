package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/rstuf/metadata"
)

// local is the client's side: the program and its two folders.
type local struct {
	t               *testing.T
	s               *simulator
	trusted, folder string
}

// initialized is a client that trusts the first root.
func (s *simulator) initialized() *local {
	s.t.Helper()
	c := &local{s.t, s, s.t.TempDir(), s.t.TempDir()}
	first := filepath.Join(s.t.TempDir(), "root.json")
	require.NoError(s.t, os.WriteFile(first, s.published[root][0], 0o644))
	require.NoError(s.t, run(s.t.Context(), []string{"--metadata-dir", c.trusted, "init", first}, ""))
	s.requests()
	return c
}

// refresh calls the program, at another time if one is given.
func (c *local) refresh(at ...time.Time) error {
	return run(c.t.Context(), []string{"--metadata-dir", c.trusted, "--metadata-url", c.s.url + "/metadata/", "refresh"}, faketime(at))
}

func (c *local) download(name string, at ...time.Time) error {
	return run(c.t.Context(), []string{
		"--metadata-dir", c.trusted, "--metadata-url", c.s.url + "/metadata/",
		"--target-name", name, "--target-base-url", c.s.url + "/targets/", "--target-dir", c.folder, "download",
	}, faketime(at))
}

func faketime(at []time.Time) string {
	if len(at) == 0 {
		return ""
	}
	return "@" + at[0].Local().Format(time.DateTime)
}

// versions are the roles that the client trusts: "root 1", "timestamp 2".
func (c *local) versions() []string {
	c.t.Helper()
	names, err := filepath.Glob(filepath.Join(c.trusted, "*.json"))
	require.NoError(c.t, err)
	var list []string
	for _, name := range names {
		doc, err := metadata.Parse(c.read(filepath.Base(name)))
		require.NoError(c.t, err)
		list = append(list, fmt.Sprintf("%s %d", strings.TrimSuffix(filepath.Base(name), ".json"), doc.Version()))
	}
	slices.Sort(list)
	return list
}

func (c *local) read(name string) []byte {
	c.t.Helper()
	data, err := os.ReadFile(filepath.Join(c.trusted, name))
	require.NoError(c.t, err)
	return data
}

// artifacts are the contents of what was downloaded.
func (c *local) artifacts() []string {
	c.t.Helper()
	entries, err := os.ReadDir(c.folder)
	require.NoError(c.t, err)
	list := []string{}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(c.folder, entry.Name()))
		require.NoError(c.t, err)
		list = append(list, string(data))
	}
	return list
}
