package rstuftest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
)

// uses are what every client does every day.
var uses = []testCase{
	{name: "first download", section: "5", must: "download what is published", path: appPath, run: func(s *story) error {
		return s.publishAndGet("new")
	}},
	{name: "next download", section: "5.4", must: "find what was published since", path: appPath, run: func(s *story) error {
		for range 3 {
			if err := errors.Join(s.publishAndGet("next"), s.warm.has()); err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "artifact that is not there", section: "5.7", must: "say that there is no such artifact", path: appPath, run: func(s *story) error {
		return errors.Join(s.publishAndGet("new"), s.warm.refused("pkg/other"), s.warm.has())
	}},
	{name: "artifact that was removed", section: "5.7", must: "not take it any more", path: appPath, run: removed},
	{name: "empty artifact", section: "5.7", must: "download it", path: appPath, run: func(s *story) error {
		return errors.Join(s.repo.Add(s.Context(), "empty", nil), s.warm.expect("empty", ""))
	}},
	{name: "strange path", section: "4.5", must: "download it", path: appPath, run: func(s *story) error {
		const path = "a folder/100% ü + ~!$&'()=.txt"
		return errors.Join(s.repo.Add(s.Context(), path, []byte("strange")), s.warm.expect(path, "strange"))
	}},
	{name: "many artifacts in many bins", section: "5.6.7", must: "find each in its bin", path: appPath,
		options: []Option{WithArtifacts(500), WithPolicy(func(p *ceremony.Policy) { p.HashBins = 64 })}, run: many},
	{name: "keys of every type", section: "4.2", must: "verify their signatures", path: appPath,
		options: []Option{WithRootKeys(4, keys.Ed25519, keys.ECDSAP256, keys.ECDSAP384, keys.RSA2048), WithOnlineKey(keys.RSA2048)},
		run:     func(s *story) error { return s.publishAndGet("new") }},
	{name: "role of people", section: "5.6.7", must: "take what enough of them have signed", path: peoplePath, options: people,
		run: func(s *story) error { return s.publishAndGet("new") }},
	{name: "role that nobody has signed yet", section: "5.6.7", must: "find the artifacts of other roles", path: appPath,
		options: append(people[:1:1], WithRole(ceremony.Role{Name: "pkg", Paths: []string{"pkg/*"}})),
		run:     func(s *story) error { return s.publishAndGet("new") }},
	{name: "first generation", section: "4.2", must: "read key ids that others have computed otherwise", path: appPath,
		options: []Option{WithFirstGeneration()},
		run:     func(s *story) error { return s.publishAndGet("new") }},
	{name: "new root keys", section: "5.3", must: "follow root after root", path: appPath, run: rotatedRoots},
	{name: "new online key", section: "5.3.11", must: "follow it", path: appPath, run: rotatedOnlineKey},
	{name: "months later", section: "5.4.4", must: "find roles that were signed anew", path: appPath, run: func(s *story) error {
		err := s.publishAndGet("new")
		time.Sleep(100 * 24 * time.Hour)
		return errors.Join(err, s.warm.has(), s.newUser().has())
	}},
	{name: "damaged cache", section: "5.2", must: "not trust what lies in its folder", path: appPath, run: damagedCache},
}

func removed(s *story) error {
	if err := s.publishAndGet("new"); err != nil {
		return err
	}
	s.repo.Remove(s, s.path)
	return errors.Join(s.warm.refused(s.path), s.newUser().refused(s.path))
}

func many(s *story) error {
	for _, i := range []int{0, 1, 77, 499} {
		if err := s.warm.expect(ArtifactPath(i), string(ArtifactContent(i))); err != nil {
			return err
		}
	}
	return s.warm.refused(ArtifactPath(500))
}

func rotatedRoots(s *story) error {
	if err := s.publishAndGet("new"); err != nil {
		return err
	}
	for range 5 {
		s.repo.RotateRoot(s)
	}
	return errors.Join(s.publishAndGet("newer"), s.newUser().has())
}

func rotatedOnlineKey(s *story) error {
	for range 3 {
		if err := errors.Join(s.publishAndGet("new"), s.repo.rotateOnlineKey(s.Context())); err != nil {
			return err
		}
	}
	return errors.Join(s.warm.has(), s.newUser().has())
}

// damagedCache puts garbage into every file of the cache: the client may refuse
// or read all anew, and must take nothing else for the artifact.
func damagedCache(s *story) error {
	if err := s.publishAndGet("new"); err != nil {
		return err
	}
	damaged := 0
	err := filepath.WalkDir(s.warm.cache, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		damaged++
		return os.WriteFile(file, []byte(`{"signatures":[],"signed":{}}`), 0o600)
	})
	if err != nil {
		return err
	}
	s.Logf("%d files of the cache are damaged", damaged)
	if err := s.publish("newer"); err != nil {
		return err
	}
	if got, err := s.warm.get(s.path); err == nil && got != s.content {
		return fmt.Errorf("it has taken %s", cut(got))
	}
	return nil
}

// folderIn makes a folder.
func folderIn(s *story, elements ...string) string {
	folder := filepath.Join(elements...)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		s.Fatal(err)
	}
	return folder
}
