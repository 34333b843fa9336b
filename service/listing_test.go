package service_test

import (
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

// TestListFiles: where it is asked for, "/" has a link to each file that can be
// fetched, and to nothing else that is in the folder.
func TestListFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *service.Config) { c.ListFiles = true })
	links := func() (list []string) {
		w := call(f.svc.MetadataHandler(), "GET", "/", nil)
		require.Equal(t, http.StatusOK, w.Code)
		assert.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
		for _, match := range regexp.MustCompile(`<a href="([^"]*)">([^<]*)</a>`).FindAllStringSubmatch(w.Body.String(), -1) {
			assert.Equal(t, match[1], match[2])
			list = append(list, match[1])
		}
		return list
	}
	assert.Empty(t, links())
	f.bootstrap()
	for _, name := range []string{"secret", "9.root.json", "9.bins-0.json", "<b>.json", "1.<b>.json"} {
		require.NoError(t, os.WriteFile(f.cfg.Dir+"/metadata/"+name, []byte("x"), 0o600))
	}
	got := links()
	assert.Equal(t, []string{"1.bins-0.json", "1.bins-1.json", "1.bins-2.json", "1.bins-3.json", "1.root.json", "1.snapshot.json", "1.targets.json", "timestamp.json"}, got)
	for _, name := range got {
		_, err := f.file(name)
		assert.NoError(t, err, name)
	}
	assert.Equal(t, http.StatusNotFound, call(newFixture(t).svc.MetadataHandler(), "GET", "/", nil).Code)
}
