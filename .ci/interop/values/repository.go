package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

var expires = time.Now().AddDate(1, 0, 0)

// testRepository is a repository with one key, in a folder that a plain web
// server offers: metadata/, artifacts/.
type testRepository struct {
	dir  string
	root string // the file
	key  *keys.Private
}

func newRepository(dir string) (*testRepository, error) {
	key, err := keys.Generate(keys.Ed25519, "all")
	if err != nil {
		return nil, err
	}
	person, err := keys.Generate(keys.Ed25519, "person")
	if err != nil {
		return nil, err
	}
	r := &testRepository{dir: dir, root: filepath.Join(dir, "metadata", "1.root.json"), key: key}
	root, err := metadata.NewRoot([]keys.Public{person.Public()}, 1, key.Public().WithOnlineURI("fn:all"), expires)
	if err != nil {
		return nil, err
	}
	return r, r.put(rstuf.RoleRoot, root, person)
}

func (r *testRepository) put(role string, body metadata.Body, signer *keys.Private) error {
	d, err := metadata.New(body)
	if err != nil {
		return err
	}
	if err := d.Sign(context.Background(), signer); err != nil {
		return err
	}
	return writeFile(filepath.Join(r.dir, "metadata", metadata.Filename(role, d.Version())), d.Bytes())
}

func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

// publish publishes artifacts whose content is their path, by whatever rules,
// and puts the files that a file system can have where the web server looks.
func (r *testRepository) publish(artifacts map[string]rstuf.ArtifactInfo) error {
	targets := &metadata.Targets{Version: 1, Expires: expires, Targets: map[string]metadata.TargetFile{}}
	for _, path := range sortedKeys(artifacts) {
		targets.Targets[path] = metadata.TargetFile{ArtifactInfo: artifacts[path]}
		if strings.HasSuffix(path, "/") {
			continue // which the file of another path would be
		}
		err := writeFile(filepath.Join(r.dir, "artifacts", filepath.FromSlash(path)), []byte(path))
		if err != nil && rules.Path(path) == "" { // else no file system may have it
			return err
		}
	}
	return errors.Join(
		r.put(rstuf.RoleTargets, targets, r.key),
		r.put(rstuf.RoleSnapshot, &metadata.Snapshot{Version: 1, Expires: expires, Meta: map[string]metadata.MetaFile{"targets.json": {Version: 1}}}, r.key),
		r.put(rstuf.RoleTimestamp, &metadata.Timestamp{Version: 1, Expires: expires, Meta: map[string]metadata.MetaFile{"snapshot.json": {Version: 1}}}, r.key),
	)
}

func describe(content string) rstuf.ArtifactInfo {
	sum := sha256.Sum256([]byte(content))
	return rstuf.ArtifactInfo{Length: int64(len(content)), Hashes: map[string]string{"sha256": hex.EncodeToString(sum[:])}}
}

// writeDocuments writes a targets role for each value that an artifact's
// description may hold, and returns the files.
func (r *testRepository) writeDocuments() (map[string]string, error) {
	files := map[string]string{}
	for i, v := range values {
		document, err := r.published(v)
		if err != nil { // by the rules
			document, err = r.forced(v)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		files[v.name] = filepath.Join(r.dir, "values", fmt.Sprintf("%d.json", i))
		if err := writeFile(files[v.name], document); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// published is the value as this module publishes it, if it takes it.
func (r *testRepository) published(v value) ([]byte, error) {
	artifact, err := v.artifact()
	if err != nil {
		return nil, err
	}
	w, err := metadata.NewTargetsWriter(&metadata.Targets{Version: 1, Expires: expires})
	if err == nil {
		err = w.Add(artifact.Path, artifact.Info)
	}
	if err != nil {
		return nil, err
	}
	d := w.Document()
	err = d.Sign(context.Background(), r.key)
	return d.Bytes(), err
}

// forced is the value as a tool without our rules publishes it: what is signed
// is the text as it stands.
func (r *testRepository) forced(v value) ([]byte, error) {
	signed := fmt.Sprintf(`{"_type":"targets","expires":%q,"spec_version":"1.0.31","targets":{%s:%s},"version":1}`,
		expires.UTC().Format(time.RFC3339), v.path(), v.description())
	sig, err := r.key.Sign(context.Background(), []byte(signed))
	if err != nil {
		return nil, err
	}
	signatures, err := json.Marshal([]map[string]string{{"keyid": r.key.Public().ID(), "sig": hex.EncodeToString(sig)}})
	return fmt.Appendf(nil, `{"signatures":%s,"signed":%s}`, signatures, signed), err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
