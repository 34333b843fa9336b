//go:build race

package race

// Enabled tells whether the race detector is at work.
const Enabled = true
