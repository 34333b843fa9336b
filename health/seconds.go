package health

import (
	"time"

	"example.org/rstuf/internal/quote"
)

// Seconds is a time span. Its text is the largest unit alone: "3 days".
type Seconds int64

func seconds(d time.Duration) Seconds { return Seconds(d / time.Second) }

// Duration is the span as Go has it.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// String is the span in its largest unit.
func (s Seconds) String() string {
	const minute, hour, day = 60, 60 * 60, 24 * 60 * 60
	switch {
	case s < 0:
		return "-" + (-max(s, -1<<62)).String()
	case s < minute:
		return quote.Count(int64(s), "second")
	case s < hour:
		return quote.Count(int64(s/minute), "minute")
	case s < 2*day:
		return quote.Count(int64(s/hour), "hour")
	}
	return quote.Count(int64(s/day), "day")
}
