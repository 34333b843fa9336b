//go:build race

package service_test

// raceDetector tells whether the test runs under the race detector.
const raceDetector = true
