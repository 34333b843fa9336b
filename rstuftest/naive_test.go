package rstuftest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuftest"
)

// A flaw is a check that a naive downloader leaves out.
type flaw string

// naive is a downloader written for these tests, by the specification but for its
// flaws. With none it passes all of the suite; see TestEachAttackCatchesSomebody.
type naive struct {
	flaws map[flaw]bool
	rstuftest.Request
	ctx      context.Context
	root     *metadata.Root
	snapshot *metadata.Snapshot
}

func without(flaws ...flaw) rstuftest.Downloader {
	return func(ctx context.Context, q rstuftest.Request) ([]byte, error) {
		n := &naive{flaws: map[flaw]bool{}, Request: q, ctx: ctx}
		for _, f := range flaws {
			n.flaws[f] = true
		}
		return n.download()
	}
}

func (n *naive) download() ([]byte, error) {
	if err := errors.Join(n.updateRoot(), n.updateSnapshot()); err != nil {
		return nil, err
	}
	file, err := n.find(rstuf.RoleTargets, delegation(n.root, rstuf.RoleTargets), map[string]bool{})
	if err != nil {
		return nil, err
	}
	content, err := n.fetch(n.ArtifactsURL+(&url.URL{Path: n.Artifact}).EscapedPath(), file.Length)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(content); !n.flaws["artifact hashes"] && hex.EncodeToString(sum[:]) != file.Hashes["sha256"] {
		return nil, errors.New("the artifact has another hash")
	}
	name := url.PathEscape(n.Artifact)
	if n.flaws["names"] {
		name = n.Artifact
	}
	dest := filepath.Join(n.Folder, name)
	return content, errors.Join(os.MkdirAll(filepath.Dir(dest), 0o700), os.WriteFile(dest, content, 0o600))
}

// signed is a file: its signatures as they are, and its content.
type signed struct {
	Signatures []struct{ KeyID, Sig string } `json:"signatures"`
	Signed     json.RawMessage               `json:"signed"`
	doc        *metadata.Document
}

func parse(data []byte) (*signed, error) {
	s := &signed{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, err
	}
	var err error
	s.doc, err = metadata.Parse(fmt.Appendf(nil, `{"signatures":[],"signed":%s}`, s.Signed))
	return s, err
}

func delegation(root *metadata.Root, role string) metadata.Delegation {
	d, _ := root.Delegation(role) // without keys nobody has signed
	return d
}

// verify counts signatures.
func (n *naive) verify(s *signed, by metadata.Delegation) error {
	if n.flaws["signatures"] {
		return nil
	}
	seen, count := map[string]bool{}, 0
	for _, signature := range s.Signatures {
		raw, err := hex.DecodeString(signature.Sig)
		if err != nil {
			return err
		}
		for _, id := range by.KeyIDs {
			key, err := keys.FromKey(by.Keys[id])
			if err != nil || id != signature.KeyID && !n.flaws["key ids of signatures"] || key.Verify(s.doc.Canonical(), raw) != nil {
				continue
			}
			who := key.Identity()
			switch {
			case n.flaws["distinct signatures"], n.flaws["key ids of signatures"]:
				who = fmt.Sprint(count)
			case n.flaws["distinct keys"]:
				who = id
			}
			if !seen[who] {
				seen[who] = true
				count++
			}
			break
		}
	}
	if count < by.Threshold {
		return metadata.ErrThreshold
	}
	return nil
}

func (n *naive) expired(s *signed) error {
	if n.flaws["expiry"] {
		return nil
	}
	return s.doc.CheckExpiry(time.Now())
}

// updateRoot is section 5.3.
func (n *naive) updateRoot() error {
	data := n.Request.Root
	if kept, err := os.ReadFile(filepath.Join(n.Cache, "root.json")); err == nil {
		data = kept
	}
	current, err := parse(data)
	for err == nil {
		if n.root, err = current.doc.Root(); err != nil {
			return err
		}
		next := n.root.Version + 1
		data, err = n.fetch(n.MetadataURL+metadata.Filename(rstuf.RoleRoot, next), 1<<20)
		if errors.Is(err, os.ErrNotExist) {
			return n.expired(current)
		}
		if err != nil {
			return err
		}
		if current, err = parse(data); err != nil {
			return err
		}
		body, bodyErr := current.doc.Root()
		if bodyErr != nil {
			return bodyErr
		}
		if !n.flaws["root by root"] {
			err = n.verify(current, delegation(n.root, rstuf.RoleRoot))
		}
		if err == nil {
			err = n.verify(current, delegation(body, rstuf.RoleRoot))
		}
		if err == nil && body.Version != next && !n.flaws["root versions"] {
			err = errors.New("the root has another version than the next")
		}
		if err == nil {
			err = n.keep("root", data)
		}
	}
	return err
}

func (n *naive) keep(role string, data []byte) error {
	name := url.PathEscape(role)
	if n.flaws["names"] {
		name = role
	}
	return os.WriteFile(filepath.Join(n.Cache, name+".json"), data, 0o600)
}

// kept is a document of the cache that the current keys have signed; nil if there
// is none. Without recovery it counts for ever.
func (n *naive) kept(role string) *signed {
	data, err := os.ReadFile(filepath.Join(n.Cache, role+".json"))
	if err != nil {
		return nil
	}
	s, err := parse(data)
	if err != nil || n.verify(s, delegation(n.root, role)) != nil && !n.flaws["recovery"] {
		return nil
	}
	return s
}

// load fetches and verifies a role of a version; 0 for any.
func (n *naive) load(role string, version int64, most int64, by metadata.Delegation) (*signed, []byte, error) {
	data, err := n.fetch(n.MetadataURL+metadata.Filename(role, version), most)
	if err != nil {
		return nil, nil, err
	}
	s, err := parse(data)
	if err == nil {
		err = n.verify(s, by)
	}
	if err == nil && version > 0 && s.doc.Version() != version && !n.flaws["versions"] {
		err = errors.New(role + " has another version than its parent says")
	}
	return s, data, err
}

// updateSnapshot is section 5.4 and 5.5.
func (n *naive) updateSnapshot() error {
	if n.root == nil {
		return errors.New("no root")
	}
	s, data, err := n.load(rstuf.RoleTimestamp, 0, 64<<10, delegation(n.root, rstuf.RoleTimestamp))
	if err != nil {
		return err
	}
	timestamp, err := s.doc.Timestamp()
	if err != nil {
		return err
	}
	version := timestamp.Meta["snapshot.json"].Version
	if old := n.kept(rstuf.RoleTimestamp); old != nil && !n.flaws["rollback"] {
		before, err := old.doc.Timestamp()
		if err != nil {
			return err
		}
		if timestamp.Version < before.Version || version < before.Meta["snapshot.json"].Version {
			return errors.New("rollback")
		}
	}
	if err := errors.Join(n.expired(s), n.keep(rstuf.RoleTimestamp, data)); err != nil {
		return err
	}
	if s, data, err = n.load(rstuf.RoleSnapshot, version, 32<<20, delegation(n.root, rstuf.RoleSnapshot)); err != nil {
		return err
	}
	if n.snapshot, err = s.doc.Snapshot(); err != nil {
		return err
	}
	if old := n.kept(rstuf.RoleSnapshot); old != nil && !n.flaws["rollback of roles"] && !n.flaws["rollback"] {
		before, err := old.doc.Snapshot()
		if err != nil {
			return err
		}
		for file, meta := range before.Meta {
			if n.snapshot.Meta[file].Version < meta.Version {
				return errors.New("rollback of a role, or it is gone")
			}
		}
	}
	return errors.Join(n.expired(s), n.keep(rstuf.RoleSnapshot, data))
}
