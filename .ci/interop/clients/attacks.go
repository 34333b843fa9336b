package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// attack is a file that somebody puts in place of a genuine one, or a new one,
// who broke into the servers but has no key.
type attack struct {
	what   string
	file   string
	forged []byte
	who    string // the client to whom it matters
	path   string // the artifact that must be refused; "" if all metadata must be
	reason string // part of the error in every client
}

// unsigned is what clients say of documents without signatures that count.
const unsigned = "was signed by 0/"

// attacks tries to pass off other content as an artifact.
func (r *repository) attacks(ctx context.Context) error {
	timestamp := r.metadataFile(rstuf.RoleTimestamp, 0)
	old, err := os.ReadFile(timestamp)
	if err != nil {
		return err
	}
	genuine, forged := artifact{"wanted.txt", []byte("genuine\n"), several}, []byte("forged!\n")
	if err := r.add(ctx, genuine); err != nil {
		return err
	}
	if err := r.expect(ctx, "before the attacks"); err != nil {
		return err
	}
	// The service's own handler serves what is committed and nothing else, so
	// files that somebody has put into the folder come from another server.
	files := httptest.NewServer(http.FileServer(http.Dir(r.file("service", "metadata"))))
	defer files.Close()
	defer func(own string) { r.urls.Metadata = own }(r.urls.Metadata)
	r.urls.Metadata = files.URL
	path := r.prefix + genuine.path
	list := []attack{
		{"an artifact with other content", r.file("artifacts", path), forged, isNew, path, "LengthOrHashMismatchError"},
		{"an artifact with other content", r.file("artifacts", path), forged, returns, path, "LengthOrHashMismatchError"},
		{"an artifact with more content", r.file("artifacts", path), []byte("genuine\nand more\n"), isNew, path, "DownloadLengthMismatchError"},
		{"an old timestamp", timestamp, old, returns, "", "BadVersion"},
	}
	metadataAttacks, err := r.forgeMetadata(path, genuine.content, forged)
	if err != nil {
		return err
	}
	root, err := r.strangersRoot(ctx)
	if err != nil {
		return err
	}
	for _, a := range append(append(list, metadataAttacks...), root) {
		if err := r.refuse(ctx, a); err != nil {
			return err
		}
	}
	return r.expect(ctx, "after the attacks")
}

// forgeMetadata changes each document on the way to the artifact, and keeps
// its signatures.
func (r *repository) forgeMetadata(path string, genuine, forged []byte) ([]attack, error) {
	snapshot, targets, err := r.current()
	if err != nil {
		return nil, err
	}
	role := ""
	for found := range targets.Delegations.RolesFor(path) {
		role = found.Name
	}
	version := func(role string) int64 { return snapshot.Meta[role+".json"].Version }
	longer := strings.NewReplacer(`"expires":"2`, `"expires":"3`, `"expires": "2`, `"expires": "3`)
	otherHash := strings.NewReplacer(hexSHA256(genuine), hexSHA256(forged))
	var list []attack
	for _, a := range []struct {
		file string
		path string
		who  string
		edit *strings.Replacer
	}{
		{r.metadataFile(rstuf.RoleTimestamp, 0), "", isNew, longer},
		{r.metadataFile(rstuf.RoleTimestamp, 0), "", returns, longer},
		{r.metadataFile(rstuf.RoleSnapshot, snapshot.Version), "", isNew, longer},
		{r.metadataFile(rstuf.RoleTargets, version(rstuf.RoleTargets)), "", isNew, longer},
		{r.metadataFile(role, version(role)), path, isNew, otherHash},
	} {
		data, err := os.ReadFile(a.file)
		if err != nil {
			return nil, err
		}
		name := a.file[strings.LastIndexByte(a.file, os.PathSeparator)+1:]
		list = append(list, attack{"a forged " + name, a.file, []byte(a.edit.Replace(string(data))), a.who, a.path, unsigned})
	}
	return list, nil
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// current is the snapshot and targets that the timestamp leads to.
func (r *repository) current() (*metadata.Snapshot, *metadata.Targets, error) {
	read := func(role string, version int64) (*metadata.Document, error) {
		data, err := os.ReadFile(r.metadataFile(role, version))
		if err != nil {
			return nil, err
		}
		return metadata.Parse(data)
	}
	document, err := read(rstuf.RoleTimestamp, 0)
	if err != nil {
		return nil, nil, err
	}
	timestamp, err := document.Timestamp()
	if err != nil {
		return nil, nil, err
	}
	if document, err = read(rstuf.RoleSnapshot, timestamp.Meta["snapshot.json"].Version); err != nil {
		return nil, nil, err
	}
	snapshot, err := document.Snapshot()
	if err != nil {
		return nil, nil, err
	}
	if document, err = read(rstuf.RoleTargets, snapshot.Meta["targets.json"].Version); err != nil {
		return nil, nil, err
	}
	targets, err := document.Targets()
	return snapshot, targets, err
}

// strangersRoot is a next root whose only key is a stranger's.
func (r *repository) strangersRoot(ctx context.Context) (attack, error) {
	root, err := r.roots[len(r.roots)-1].Root()
	if err != nil {
		return attack{}, err
	}
	stranger := newKey(keys.Ed25519, "stranger")
	root.Version++
	root.Keys[stranger.Public().ID()] = stranger.Public().Key()
	root.Roles[rstuf.RoleRoot] = metadata.RoleKeys{KeyIDs: []string{stranger.Public().ID()}, Threshold: 1}
	document, err := metadata.New(root)
	if err != nil {
		return attack{}, err
	}
	err = document.Sign(ctx, stranger)
	return attack{"a root that a stranger signed", r.metadataFile(rstuf.RoleRoot, root.Version), document.Bytes(), isNew, "", unsigned}, err
}

// refuse makes the attack, wants every client to refuse what it must, and
// undoes it.
func (r *repository) refuse(ctx context.Context, a attack) error {
	genuine, err := os.ReadFile(a.file)
	made := errors.Is(err, fs.ErrNotExist)
	if err != nil && !made {
		return err
	}
	if bytes.Equal(genuine, a.forged) {
		return fmt.Errorf("%s: nothing is forged", a.what)
	}
	if err := os.WriteFile(a.file, a.forged, 0o644); err != nil {
		return err
	}
	for _, p := range r.peers {
		o, _, err := r.visit(ctx, p, a.who, []string{a.path})
		if err != nil {
			return err
		}
		got := o.Refused
		if a.path != "" {
			got = o.Files[a.path].Refused
		}
		if !strings.Contains(got, a.reason) {
			return fmt.Errorf("%s: a %s client, %s, should refuse it (%s): %+v", a.what, a.who, p.name, a.reason, o)
		}
	}
	fmt.Printf("%s: %s, a %s client: ok, refused (%s)\n", r.name, a.what, a.who, a.reason)
	if made {
		return os.Remove(a.file)
	}
	return os.WriteFile(a.file, genuine, 0o644)
}
