package servertest

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// faults are tried at every second request, half of them at the odd ones and
// half at the even ones.
var faults = []fault{refuse, reset, cut, unknown, truncated, hang}

// From some request on, the network fails and the process ends. What the
// public sees verifies at each such moment, and after the next start every
// acknowledged change is published.
func TestNetworkFailsThenProcessEnds(t *testing.T) {
	for i, f := range faults {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			reached := 0
			for n := int64(1 + i%2); ; n += 2 {
				l := newLife(t)
				l.broken = make(chan struct{})
				fail := sync.OnceFunc(func() { close(l.broken) })
				l.store.fail(func(request int64, _ *http.Request) fault {
					if request < n {
						return none
					}
					fail()
					return f
				})
				done := l.script()
				if l.service != nil {
					l.kill()
				}
				if done {
					l.store.fail(nil)
					assert.Equal(t, l.wanted(), l.published())
					break
				}
				reached++
				l.store.fail(nil)
				l.published() // it verifies as the failure left it
				l.goesOn(fmt.Sprintf("%s from request %d on", f, n))
			}
			assert.Greater(t, reached, 15, "the script makes more than twice as many requests")
			t.Logf("%d failures", reached)
		})
	}
}

// goesOn starts the service again and waits for what was acknowledged.
func (l *life) goesOn(what string) {
	l.broken = nil
	require.NoError(l, l.open(), what)
	for _, id := range l.acked {
		l.await(id)
	}
	if len(l.acked) == 0 {
		assert.Nil(l, l.published(), what)
	} else {
		assert.Equal(l, l.wanted(), l.published(), what)
	}
	require.NoError(l, l.service.Close(l.Context()))
}

// The network fails for a few requests, more than one operation's retries. The
// service pauses and goes on by itself.
func TestNetworkFailsForAMoment(t *testing.T) {
	const moment = 4
	for _, f := range []fault{refuse, reset, cut, unknown, truncated} { // hanging takes as long as the timeout
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			reached := 0
			for n := int64(1); ; n += moment {
				l := newLife(t)
				var failed atomic.Bool
				require.NoError(t, l.open())
				l.store.fail(func(i int64, _ *http.Request) fault {
					if i < n || i >= n+moment {
						return none
					}
					failed.Store(true)
					return f
				})
				require.True(t, l.send("/bootstrap/", l.payload))
				require.True(t, l.add(map[string]string{"a": "1", "b": "2"}))
				require.True(t, l.remove("a"))
				require.NoError(t, l.service.Close(t.Context()))
				l.store.fail(nil)
				require.Equal(t, l.wanted(), l.published(), "%s at request %d", f, n)
				if !failed.Load() {
					break
				}
				reached++
			}
			assert.Greater(t, reached, 4)
		})
	}
}
