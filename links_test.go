package rstuf_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s:]+)\)`) // not to another host
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	script  = regexp.MustCompile(`\.ci/[a-z.-]*[a-z]`)
	fenced  = regexp.MustCompile("(?s)(?m)^ *```.*?^ *```")
	unused  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// What the documents lead to is there: files, headings, scripts.
func TestLinks(t *testing.T) {
	t.Parallel()
	headings := map[string]map[string]bool{}
	texts := map[string]string{}
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		data, err := os.ReadFile(path)
		texts[path] = string(data)
		headings[path] = map[string]bool{"": true}
		for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(texts[path], ""), -1) {
			headings[path][anchor(h[1])] = true
		}
		return err
	}))
	links := 0
	for path, text := range texts {
		for _, name := range script.FindAllString(text, -1) {
			_, err := os.Stat(name)
			assert.NoError(t, err, path)
		}
		for _, found := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			links++
			to, part, _ := strings.Cut(found[1], "#")
			target := path
			if to != "" {
				target = filepath.Join(filepath.Dir(path), to)
			}
			if _, err := os.Stat(target); assert.NoError(t, err, "%s: %s", path, found[1]) && filepath.Ext(target) == ".md" {
				assert.True(t, headings[target][part], "%s: %s has no such heading", path, found[1])
			}
		}
	}
	assert.Greater(t, links, 100)
}

// anchor is how a heading is linked to.
func anchor(text string) string {
	text = link.ReplaceAllString(text, "]")
	return strings.ReplaceAll(unused.ReplaceAllString(strings.ToLower(text), ""), " ", "-")
}
