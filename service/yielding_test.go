package service

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Others may try after five seconds in which nothing was published, and ever more seldom
// if that does not help.
func TestYielding(t *testing.T) {
	t.Parallel()
	now := time.Now()
	y := yielding{after: firstYield}
	due := func(after time.Duration, paused bool) bool {
		now = now.Add(after)
		return y.due(now, paused, 0)
	}
	assert.False(t, due(time.Hour, false))
	assert.False(t, due(time.Hour, true))
	assert.False(t, due(4*time.Second, true))
	assert.False(t, due(4*time.Second, false), "it went on by itself")
	assert.False(t, due(0, true))
	assert.True(t, due(5*time.Second, true))
	assert.False(t, due(5*time.Second, true), "the second time it takes longer")
	assert.True(t, due(5*time.Second, true))
	assert.False(t, due(time.Second, false))
	assert.False(t, due(0, true))
	assert.False(t, due(19*time.Second, true), "a moment does not make it well")
	assert.True(t, due(time.Second, true))
	for range 20 {
		due(lastYield, true)
	}
	assert.True(t, due(lastYield, true), "it tries for ever")
	due(0, false)
	due(time.Minute, false)
	assert.False(t, due(0, true))
	assert.True(t, due(5*time.Second, true))

	// So it is while a signature does not come, however long others did not take.
	now = now.Add(time.Hour)
	y.due(now, false, 0)
	y.due(now.Add(calmYield), false, 0)
	assert.False(t, y.due(now.Add(calmYield), false, 4*time.Second))
	assert.True(t, y.due(now.Add(calmYield), false, 5*time.Second))
	assert.False(t, y.due(now.Add(3*calmYield), false, 9*time.Second), "it is not calm meanwhile")
	assert.True(t, y.due(now.Add(3*calmYield), false, 10*time.Second))
}
