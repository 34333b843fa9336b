package sharedtest_test

import (
	"testing"

	"example.org/rstuf/internal/sharedtest"
	"example.org/rstuf/rstuftest"
	"example.org/rstuf/service"
)

func TestShared(t *testing.T) {
	t.Parallel()
	s := &sharedtest.Shared{}
	rstuftest.TestShared(t, func() service.Shared { return s }, rstuftest.SharedFaults{
		Depose:     func() { s.Depose(0) },
		LoseAnswer: func(string) { s.LoseAnswer() },
		SetAway:    s.SetAway,
	})
}
