package rstuftest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

func TestStorages(t *testing.T) {
	t.Parallel()
	m := &memory{}
	TestStorage(t, func() service.Storage { return m })
	dir := t.TempDir()
	TestStorage(t, func() service.Storage {
		folder, err := service.NewFolder(dir)
		require.NoError(t, err)
		return folder
	})
}
