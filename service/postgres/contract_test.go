package postgres_test

import (
	"testing"

	"example.org/rstuf/rstuftest"
	"example.org/rstuf/service"
)

// What a place where replicas meet must do, and a store, through a proxy that can lose
// an answer, or a request, and can be away.
func TestShared(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t, "pool_max_conns=20")
	direct, schema := connect(t, *address), newSchema()
	losses := []cut{answerLost, requestLost}
	rstuftest.TestShared(t, func() service.Shared { return place(t, pool, schema, 0) }, rstuftest.SharedFaults{
		Depose: func() { execute(t, direct, "update "+tableOf(schema, "rstuf_lease")+" set ends = '-infinity'") },
		LoseAnswer: func(key string) {
			p.cutNext(key, 1, losses[0])
			losses = append(losses[1:], losses[0])
		},
		SetAway: func(away bool) { p.drop(away) },
	})
}
