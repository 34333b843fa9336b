package update_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/examples/update"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// A file follows the repository for months; while somebody holds back what is new,
// it stays, and the program says so.
func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		repo := rstuftest.New(t)
		repo.Publish(t, "app", []byte("version 1"))
		file := filepath.Join(t.TempDir(), "app")
		var said []error
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- update.Keep(ctx, repo.Reader(t), "app", file, 24*time.Hour, func(err error) { said = append(said, err) })
		}()
		after := func(days int) string {
			time.Sleep(time.Duration(days)*24*time.Hour + time.Minute)
			synctest.Wait()
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			return string(content)
		}
		assert.Equal(t, "version 1", after(50))
		repo.Publish(t, "app", []byte("version 2"))
		assert.Equal(t, "version 2", after(1))
		assert.Empty(t, said)

		undo := rstuftest.AttackNamed(t, "freeze").Apply(t, repo)
		repo.Publish(t, "app", []byte("version 3"))
		assert.Equal(t, "version 2", after(10))
		require.NotEmpty(t, said)
		assert.ErrorIs(t, said[len(said)-1], repository.ErrExpired)
		undo()
		assert.Equal(t, "version 3", after(1))
		stop()
		require.NoError(t, <-ended)
	})
}
