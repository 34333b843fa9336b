package cmd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf"
)

func FuzzReadCSV(f *testing.F) {
	hash := strings.Repeat("ab", 32)
	for _, seed := range []string{
		"a/b.txt;12;sha256;" + hash + "\n",
		"a;b;12;sha256;" + hash + "\r\n\r\nc;0;blake2b-256;" + hash,
		"a;x;sha256;00", "a", ";1;sha256;00", "../a;1;sha256;" + hash, "a;-1;sha256;" + hash,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ended := false
		for artifact, err := range readCSV(strings.NewReader(text)) {
			assert.False(t, ended, "nothing follows an error")
			if ended = err != nil; ended {
				continue
			}
			request := rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{artifact}}
			assert.NoError(t, request.Validate(), "what is read can be sent")
		}
	})
}

func TestReadCSV(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for name, test := range map[string]struct{ text, path, err string }{
		"one":              {"a/b.txt;12;sha256;" + hash, "a/b.txt", ""},
		"carriage return":  {"a;1;sha256;" + hash + "\r\n", "a", ""},
		"semicolon":        {"a;b;1;sha256;" + hash, "a;b", ""},
		"three fields":     {"\na;1;sha256", "", "line 2: want path;size;hash-type;hash"},
		"size":             {"a;x;sha256;" + hash, "", `line 1: size "x" is not a whole number`},
		"negative size":    {"a;-1;sha256;" + hash, "", "line 1: artifacts[0].info.length"},
		"digest too short": {"a;1;sha256;00", "", "line 1: artifacts[0].info.hashes"},
		"outside":          {"../a;1;sha256;" + hash, "", "line 1: artifacts[0].path"},
		"line too long":    {strings.Repeat("a", maxCSVLine+1), "", "line 1: "},
	} {
		t.Run(name, func(t *testing.T) {
			var path, problem string
			for artifact, err := range readCSV(strings.NewReader(test.text)) {
				if path = artifact.Path; err != nil {
					problem = err.Error()
				}
			}
			assert.Equal(t, test.path, path)
			if test.err == "" {
				assert.Empty(t, problem)
			}
			assert.Contains(t, problem, test.err)
		})
	}
}
