package servertest

import (
	"io/fs"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service/bucket"
)

// A PUT that was given up and that the store executes much later, when other
// content has been stored, changes nothing: no client sees an older timestamp
// after a newer one.
func TestLatePutsChangeNothing(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", "zero"} {
		t.Run(before, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			storage := s.storage(bucket.Config{})
			var old []byte
			put := func(content string) error {
				return storage.Replace(t.Context(), "timestamp.json", old, []byte(content))
			}
			if before != "" {
				require.NoError(t, put(before))
				old = []byte(before)
			}
			s.fail(func(_ int64, r *http.Request) fault {
				if r.Method == http.MethodPut {
					return late
				}
				return none
			})
			require.Error(t, put("one"))
			s.fail(nil)
			for _, content := range []string{"one", "two", "three"} {
				require.NoError(t, put(content))
				old = []byte(content)
			}
			for _, status := range s.deliver() {
				assert.Equal(t, http.StatusPreconditionFailed, status)
			}
			got, err := storage.Read(t.Context(), "timestamp.json")
			require.NoError(t, err)
			assert.Equal(t, "three", string(got))
		})
	}
}

// A PUT that arrives late, but before the next attempt, is left as it is: the next
// attempt learns of it.
func TestLatePutIsLeft(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	storage := s.storage(bucket.Config{})
	s.fail(func(_ int64, r *http.Request) fault {
		if r.Method == http.MethodPut {
			return late
		}
		return none
	})
	require.Error(t, storage.Create(t.Context(), "2.snapshot.json", []byte("first attempt")))
	s.fail(nil)
	statuses := s.deliver()
	require.Len(t, statuses, 3, "the client tries three times")
	assert.Equal(t, []int{200, 412, 412}, statuses)
	require.ErrorIs(t, storage.Create(t.Context(), "2.snapshot.json", []byte("second attempt")), fs.ErrExist)
	require.NoError(t, storage.Create(t.Context(), "2.snapshot.json", []byte("first attempt")))
	got, err := storage.Read(t.Context(), "2.snapshot.json")
	require.NoError(t, err)
	assert.Equal(t, "first attempt", string(got))
}
