package bucket_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

// A probe of which one request fails has found out nothing: it says what failed, and
// neither that the store keeps the conditions nor that it does not.
func TestProbeIsCutShort(t *testing.T) {
	t.Parallel()
	d, b := newBucket(t)
	require.NoError(t, b.Probe(t.Context()))
	requests := len(d.requests)
	require.Equal(t, 6, requests, "four PUTs, a GET and a DELETE")
	for n := range requests {
		left := n
		d.answer = func(w http.ResponseWriter, _ *http.Request) bool {
			if left--; left != -1 {
				return false
			}
			fail(w, http.StatusInternalServerError, "InternalError", "We encountered an internal error.")
			return true
		}
		err := b.Probe(t.Context())
		require.ErrorContains(t, err, "the store answers 500 InternalError", n)
		assert.NotErrorIs(t, err, service.ErrUnconditional, n)
	}
	d.answer = nil
	require.NoError(t, b.Probe(t.Context()))
}

// Each probe has a file of its own, with a temporary name: several replicas may begin at
// once.
func TestProbesDoNotMeet(t *testing.T) {
	t.Parallel()
	d, b := newBucket(t)
	names := map[string]bool{}
	for range 2 {
		require.NoError(t, b.Probe(t.Context()))
		name := d.last(t, http.MethodPut).URL.Path
		assert.True(t, strings.HasSuffix(name, ".tmp"), name)
		names[name] = true
	}
	assert.Len(t, names, 2)
}

// A store that knows one of the conditions alone keeps no two writers apart.
func TestStoreThatKnowsOneCondition(t *testing.T) {
	t.Parallel()
	d, b := newBucket(t)
	d.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-Match") == "" {
			return false
		}
		fail(w, http.StatusNotImplemented, "NotImplemented", "")
		return true
	}
	err := b.Probe(t.Context())
	require.ErrorIs(t, err, service.ErrUnconditional)
	assert.ErrorContains(t, err, "with If-Match of another content")
}

// A file without content is not there because nothing is.
func TestEmptyFileIsNotWritten(t *testing.T) {
	t.Parallel()
	d, b := newBucket(t)
	d.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		fail(w, http.StatusInternalServerError, "InternalError", "")
		return true
	}
	require.ErrorContains(t, b.Create(t.Context(), "1.empty.json", nil), "InternalError")
}
