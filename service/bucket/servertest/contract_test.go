package servertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.org/rstuf/rstuftest"
	"example.org/rstuf/service"
	"example.org/rstuf/service/bucket"
)

func TestContract(t *testing.T) {
	t.Parallel()
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		rstuftest.TestStorage(t, func() service.Storage {
			folder, err := service.NewFolder(dir)
			require.NoError(t, err)
			return folder
		})
	})
	for name, prefix := range map[string]string{"bucket": "", "bucket with a prefix": "/tuf/metadata/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			require.NoError(t, s.storage(bucket.Config{Prefix: prefix}).Probe(t.Context()))
			rstuftest.TestStorage(t, func() service.Storage { return s.storage(bucket.Config{Prefix: prefix}) })
		})
	}
}
