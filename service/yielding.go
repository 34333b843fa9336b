package service

import "time"

// For how long publishing may be paused before another replica may try, at first; each
// time in vain it is twice as long, until it was not paused for so long.
const (
	firstYield = 5 * time.Second
	lastYield  = 10 * time.Minute
	calmYield  = time.Minute
)

// yielding decides when a replica that can't publish lets others try: it may be the only
// one that does not reach the files, or the online key.
type yielding struct {
	paused bool
	since  time.Time // when that was so first
	after  time.Duration
}

// due tells whether to let others try; held is for how long a signature is waited for.
func (y *yielding) due(now time.Time, paused bool, held time.Duration) bool {
	if paused != y.paused {
		y.paused, y.since = paused, now
	}
	switch long := now.Sub(y.since); {
	case held >= y.after, paused && long >= y.after:
		y.since, y.after = now, min(2*y.after, lastYield)
		return true
	case !paused && held < firstYield && long >= calmYield:
		y.after = firstYield
	}
	return false
}
