package service_test

import (
	"context"
	"testing"

	"example.org/rstuf/rstuftest"
	"example.org/rstuf/service"
)

func TestStateDB(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rstuftest.TestStore(t, func(context.Context) (service.Store, error) { return service.OpenDatabase(dir) })
}
