//go:build !race

package tuftest

// Race tells whether the race detector is at work, under which what computes a lot takes
// ten times as long.
const Race = false
