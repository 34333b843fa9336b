// Package testdir finds the folders of test data that people name on the
// command line of a test, and reads the recordings in them.
package testdir

import (
	"os"
	"path/filepath"
	"testing"
)

// Recordings is the folder of the project's own recordings, from the folder of
// a package below the module's root.
const Recordings = "../testdata/recordings"

// Find is the folder that dir names. Tests run in the folder of their package;
// a relative dir that is not there is looked for where people call go test,
// which is the module's root. A folder that is nowhere ends the test.
func Find(t testing.TB, dir string) string {
	t.Helper()
	tried := []string{dir}
	if !filepath.IsAbs(dir) {
		tried = append(tried, filepath.Join("..", dir))
	}
	for _, name := range tried {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			return name
		}
	}
	t.Fatalf("there is no folder %s, neither from the package's folder nor from the module's root", dir)
	return ""
}
