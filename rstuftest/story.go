package rstuftest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/rstuf/client"
)

const appPath = "pkg/app.bin"

// story is one repository, and the clients that read it.
type story struct {
	testing.TB
	repo     *Repository
	download Downloader
	path     string // of the artifact that is published again and again
	content  string // of its newest version
	number   int
	warm     *user // a client from the beginning on
}

func newStory(t testing.TB, download Downloader, c testCase) *story {
	t.Helper()
	s := &story{TB: t, repo: New(t, c.options...), download: download, path: c.path}
	s.warm = s.newUser()
	return s
}

// publish publishes the next version of the artifact, and has people sign it if
// there are some.
func (s *story) publish(what string) error {
	s.number++
	s.content = fmt.Sprintf("%s, version %d %s\n", what, s.number, strings.Repeat("x", 4000))
	err := s.repo.Add(s.Context(), s.path, []byte(s.content))
	if errors.Is(err, client.ErrSigningPending) {
		role, _, _ := strings.Cut(s.path, "/")
		return s.repo.sign(s.Context(), role, nil)
	}
	return err
}

// publishAndGet publishes the next version, which a client must find.
func (s *story) publishAndGet(what string) error {
	if err := s.publish(what); err != nil {
		return err
	}
	return s.warm.has()
}

// user is a client with a cache of its own.
type user struct {
	*story
	home          string // of all its folders; what is elsewhere in it is astray
	cache, folder string
}

func (s *story) newUser() *user {
	home := s.TempDir()
	return &user{s, home, folderIn(s, home, "a", "b", "cache"), folderIn(s, home, "a", "b", "artifacts")}
}

// What a client under attack may cost.
const (
	mostRequests = 300
	mostBytes    = 8 << 20
	mostTime     = time.Hour
)

// get runs the code under test.
func (u *user) get(path string) (string, error) {
	if err := os.RemoveAll(u.folder); err != nil {
		return "", err
	}
	folderIn(u.story, u.folder)
	// A client without an end of its own is ended.
	ctx, cancel := context.WithTimeout(u.Context(), 24*time.Hour)
	defer cancel()
	content, err := u.download(ctx, Request{
		MetadataURL: u.repo.MetadataURL, ArtifactsURL: u.repo.ArtifactsURL, HTTPClient: u.repo.HTTPClient(),
		Header: credentials(), Root: u.repo.RootJSON, Cache: u.cache, Folder: u.folder, Artifact: path,
	})
	return string(content), err
}

// expect wants an artifact as it is now.
func (u *user) expect(path, content string) error {
	got, err := u.get(path)
	switch {
	case err != nil:
		return fmt.Errorf("it could not download %s: %w", path, err)
	case got != content:
		return fmt.Errorf("it has %s for %s, in place of %s", cut(got), path, cut(content))
	}
	return u.stays()
}

// has wants the artifact that is published again and again.
func (u *user) has() error { return u.expect(u.path, u.content) }

// refused wants an error.
func (u *user) refused(path string) error {
	got, err := u.get(path)
	if err == nil {
		return fmt.Errorf("it has taken %s for %s", cut(got), path)
	}
	return u.stays()
}

// stays wants nothing outside of the client's folders.
func (u *user) stays() error {
	return filepath.WalkDir(u.home, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || within(file, u.cache) || within(file, u.folder) {
			return err
		}
		astray, err := filepath.Rel(u.cache, file)
		if err != nil {
			return err
		}
		return fmt.Errorf("it has written %s, seen from its cache", filepath.ToSlash(astray))
	})
}

func within(file, folder string) bool {
	return strings.HasPrefix(file, folder+string(filepath.Separator))
}

// underAttack has clients meet an attack, and looks what they make of it.
func (s *story) underAttack(a Attack) error {
	for _, what := range []string{"old", "new"} {
		if err := s.publishAndGet(what); err != nil {
			return fmt.Errorf("before the attack: %w", err)
		}
	}
	if a.trial.behind {
		if err := s.publish("newest"); err != nil {
			return err
		}
	}
	attacker, undo, err := a.apply(s.Context(), s.repo)
	if err != nil {
		return err
	}
	time.Sleep(a.trial.after)
	clients := []*user{s.warm}
	if a.trial.cold {
		clients = append(clients, s.newUser())
	}
	for i, u := range clients {
		if err := s.meets(u, a, attacker); err != nil {
			return fmt.Errorf("%s: %w", []string{"a client that knows the repository", "a new client"}[i], err)
		}
	}
	undo()
	return s.after(a, clients)
}

// meets has a client ask during the attack.
func (s *story) meets(u *user, a Attack, attacker *attacker) error {
	path, content := s.path, s.content
	if a.trial.path != "" {
		path = a.trial.path
	}
	if a.trial.content != "" {
		content = a.trial.content
	}
	attacker.reset()
	begun := time.Now()
	got, err := u.get(path)
	took := time.Since(begun)
	if wrong := attacker.verdict(); wrong != "" {
		return fmt.Errorf("%s (and it returned %v)", wrong, err)
	}
	switch {
	case took > mostTime:
		return fmt.Errorf("it waited for %s", took)
	case err == nil && got != content:
		return fmt.Errorf("it has taken %s", cut(got))
	case err == nil && a.trial.refuse:
		return errors.New("it ended without an error")
	}
	return u.stays()
}

// after the attack clients are as well off as before.
func (s *story) after(a Attack, clients []*user) error {
	if a.trial.stolen {
		if err := s.repo.rotateOnlineKey(s.Context()); err != nil {
			return err
		}
	}
	if err := s.publish("after"); err != nil {
		return err
	}
	for _, u := range append(clients, s.newUser()) {
		if err := u.has(); err != nil {
			return fmt.Errorf("after the attack: %w", err)
		}
	}
	return nil
}

func cut(content string) string {
	const most = 20
	if len(content) > most {
		return fmt.Sprintf("%q and %d bytes more", content[:most], len(content)-most)
	}
	return fmt.Sprintf("%q", content)
}
