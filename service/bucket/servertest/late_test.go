package servertest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
	"example.org/rstuf/service/bucket"
)

// A PUT that was given up and that the store executes much later, when other
// content has been stored, changes nothing: no client sees an older timestamp
// after a newer one, and no file changes that is published.
func TestLatePutsChangeNothing(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(s service.Storage, t *testing.T, content string) error{
		"timestamp.json": func(s service.Storage, t *testing.T, content string) error {
			return s.Replace(t.Context(), "timestamp.json", []byte(content))
		},
		"5.bins-0.json": func(s service.Storage, t *testing.T, content string) error {
			return s.Write(t.Context(), "5.bins-0.json", []byte(content))
		},
	} {
		for _, before := range []string{"", "zero"} {
			t.Run(name+" "+before, func(t *testing.T) {
				t.Parallel()
				s := newStore(t)
				storage := s.storage(bucket.Config{})
				if before != "" {
					require.NoError(t, put(storage, t, before))
				}
				s.fail(func(_ int64, r *http.Request) fault {
					if r.Method == http.MethodPut && (before == "" || r.Header.Get("If-Match") != "") {
						return late
					}
					return none
				})
				require.Error(t, put(storage, t, "one"))
				s.fail(nil)
				for _, content := range []string{"one", "two", "three"} {
					require.NoError(t, put(storage, t, content))
				}
				for _, status := range s.deliver() {
					assert.Equal(t, http.StatusPreconditionFailed, status)
				}
				got, err := storage.Read(t.Context(), name)
				require.NoError(t, err)
				assert.Equal(t, "three", string(got))
			})
		}
	}
}

// A PUT that arrives late, but before the next attempt, is overwritten by it.
func TestLatePutIsOverwritten(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	storage := s.storage(bucket.Config{})
	s.fail(func(_ int64, r *http.Request) fault {
		if r.Method == http.MethodPut {
			return late
		}
		return none
	})
	require.Error(t, storage.Write(t.Context(), "2.snapshot.json", []byte("first attempt")))
	s.fail(nil)
	statuses := s.deliver()
	require.Len(t, statuses, 3, "the client tries three times")
	assert.Equal(t, []int{200, 412, 412}, statuses)
	require.NoError(t, storage.Write(t.Context(), "2.snapshot.json", []byte("second attempt")))
	got, err := storage.Read(t.Context(), "2.snapshot.json")
	require.NoError(t, err)
	assert.Equal(t, "second attempt", string(got))
}
