//go:build !race

// Package race tells tests of the race detector, under which what computes a lot takes
// ten times as long.
package race

// Enabled tells whether the race detector is at work.
const Enabled = false
