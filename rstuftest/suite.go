package rstuftest

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// Request is what the code under test is to download.
type Request struct {
	// MetadataURL and ArtifactsURL end in "/". An artifact is below ArtifactsURL
	// by its plain path.
	MetadataURL, ArtifactsURL string
	// HTTPClient is the only way to the servers. It has neither a timeout nor
	// rules for redirects.
	HTTPClient *http.Client
	// Header are credentials for the hosts of the two URLs and nobody else. Code
	// that knows no credentials leaves them out.
	Header http.Header
	// Root is the first root, which is trusted.
	Root []byte
	// Cache is a folder that the code may keep what it likes in between two
	// requests of the same client. It is there.
	Cache string
	// Folder is where the artifact may be put. It is there, and empty.
	Folder string
	// Artifact is the path of the artifact.
	Artifact string
}

// Downloader is the code under test: it brings its metadata up to date, and
// returns the content of an artifact once that is verified. Its clock is the
// system's. It runs in a testing/synctest bubble: all that it starts must have
// ended when it returns, but for idle connections of the HTTPClient.
type Downloader func(ctx context.Context, request Request) ([]byte, error)

// TestDownloader tests code that downloads artifacts: ordinary uses, and all
// [Attacks], a subtest each, in virtual time. Known has the subtests that are
// known to fail, by name, with the reason; one that passes by now fails.
func TestDownloader(t *testing.T, download Downloader, known map[string]string) {
	subtests(t, cases(), func(c testCase) string { return c.name },
		func(t *testing.T, c testCase) error { return c.try(t, download) }, known)
}

// Try applies the attack to a repository and a client of its own, and returns nil
// if the client does what it must. The error says what it did instead. Call it in
// a testing/synctest bubble.
func (a Attack) Try(t testing.TB, download Downloader) error { return attackCase(a).try(t, download) }

// testCase is one story of a client.
type testCase struct {
	name, section string
	must          string
	options       []Option
	path          string
	run           func(*story) error
}

func cases() []testCase {
	list := uses
	for _, attack := range Attacks() {
		list = append(list[:len(list):len(list)], attackCase(attack))
	}
	return list
}

// trial is how a client meets an attack.
type trial struct {
	options []Option // of the repository
	run     func(*story, Attack) error

	path        string        // of the artifact to ask for during the attack, if it is another
	unpublished bool          // which the repository does not have
	content     string        // of it, where the client may take it
	refuse      bool          // there must be an error: the right content is wrong too
	behind      bool          // the client has not seen the newest state before
	cold        bool          // a client that begins during the attack is tried too
	stolen      bool          // the online key was, so that it is replaced after the attack
	after       time.Duration // how much time passes under attack
}

func attackCase(a Attack) testCase {
	c := testCase{name: a.Name, section: a.Section, must: a.Must, options: a.trial.options, path: appPath}
	if a.trial.path != "" && !a.trial.unpublished {
		c.path = a.trial.path
	}
	c.run = func(s *story) error { return s.underAttack(a) }
	if a.trial.run != nil {
		c.run = func(s *story) error { return a.trial.run(s, a) }
	}
	return c
}

func (c testCase) try(t testing.TB, download Downloader) error {
	s := newStory(t, download, c)
	err := c.run(s)
	switch {
	case err == nil:
		return nil
	case c.section == "":
		return fmt.Errorf("the client must %s, but: %w", c.must, err)
	}
	return fmt.Errorf("the client must %s (TUF specification %s), but: %w", c.must, c.section, err)
}
