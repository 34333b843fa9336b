// Metadata writes signed metadata for other implementations to read, and checks
// what they made of it.
//
//	metadata write DIR   writes DIR/ours/SET/*.json, with *.canonical beside
//	metadata check DIR   compares DIR/PEER/SET/*.json with it, does the same
//	                     through go-tuf, verifies DIR/python-made, and
//	                     reads the repositories that the peers have made
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	tuf "github.com/theupdateframework/go-tuf/v2/metadata"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	reader "example.org/rstuf/repository"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(command, dir string) error {
	if command == "write" {
		return write(filepath.Join(dir, "ours"))
	}
	return check(dir)
}

var expires = time.Now().AddDate(1, 0, 0)

// write writes two repositories of our own, one with path delegations and one
// with hash bins, and copies what real deployments and Python have made.
func write(dir string) error {
	for name, delegate := range map[string]func(*repository) error{"paths": pathRoles, "bins": hashBins} {
		r, err := newRepository(filepath.Join(dir, name))
		if err == nil {
			err = delegate(r)
		}
		if err == nil {
			err = r.finish()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, pattern := range map[string]string{
		"vectors":             "metadata/testdata/metadata/*.json",
		"custom-delegations":  "testdata/recordings/custom-delegations.repository/*.json",
		"distributed-signing": "testdata/recordings/distributed-signing.repository/*.json",
		"hash-bins":           "testdata/recordings/hash-bins.repository/*.json",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			return fmt.Errorf("no files %s", pattern)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if d, err := metadata.Parse(data); err == nil {
				if err := writeDocument(filepath.Join(dir, name, filepath.Base(file)), d); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func writeDocument(path string, d *metadata.Document) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	form := strings.TrimSuffix(path, ".json") + ".canonical"
	return errors.Join(os.WriteFile(path, d.Bytes(), 0o644), os.WriteFile(form, d.Canonical(), 0o644))
}

// repository is one that is being written.
type repository struct {
	dir      string
	people   []*keys.Private // of root: ed25519, ecdsa, rsa
	online   *keys.Private
	root     *metadata.Root
	snapshot map[string]metadata.MetaFile
	targets  metadata.Targets
}

func newRepository(dir string) (*repository, error) {
	r := &repository{dir: dir, snapshot: map[string]metadata.MetaFile{}}
	r.targets = metadata.Targets{Version: 1, Expires: expires, Extra: note("targets")}
	var public []keys.Public
	for _, typ := range []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.RSA2048} {
		key, err := keys.Generate(typ, fmt.Sprintf("%s ü \"\\", typ))
		if err != nil {
			return nil, err
		}
		r.people = append(r.people, key)
		public = append(public, key.Public())
	}
	var err error
	if r.online, err = keys.Generate(keys.Ed25519, "online"); err != nil {
		return nil, err
	}
	root, err := metadata.NewRoot(public, 3, r.online.Public().WithOnlineURI("fn:online"), expires)
	if err != nil {
		return nil, err
	}
	root.Extra = note("root")
	if err := r.put(rstuf.RoleRoot, root, r.people...); err != nil {
		return nil, err
	}
	next := root.Next()
	if err := next.SetThreshold(2); err != nil {
		return nil, err
	}
	r.root = next
	return r, r.put(rstuf.RoleRoot, next, r.people...)
}

// note is a field that nobody knows.
func note(s string) map[string]json.RawMessage {
	name, err := json.Marshal(s + "\" \\ / \u2028 <&>")
	if err != nil {
		panic(err) // strings always marshal
	}
	text := fmt.Sprintf(`{"b": [1, -2, {"ü": %s}], "a": null, "n": 9007199254740991}`, name)
	return map[string]json.RawMessage{"x-acme-note": json.RawMessage(text)}
}

func (r *repository) put(role string, body metadata.Body, signers ...*keys.Private) error {
	d, err := metadata.New(body)
	if err != nil {
		return err
	}
	for _, s := range signers {
		if err := d.Sign(context.Background(), s); err != nil {
			return err
		}
	}
	if d.Type() == rstuf.RoleTargets {
		r.snapshot[role+".json"] = metadata.MetaFile{Version: d.Version()}
	}
	return writeDocument(filepath.Join(r.dir, metadata.Filename(role, d.Version())), d)
}

func (r *repository) finish() error {
	if err := r.put(rstuf.RoleTargets, &r.targets, r.online); err != nil {
		return err
	}
	snapshot := &metadata.Snapshot{Version: 1, Expires: expires, Meta: r.snapshot, Extra: note("snapshot")}
	if err := r.put(rstuf.RoleSnapshot, snapshot, r.online); err != nil {
		return err
	}
	return r.put(rstuf.RoleTimestamp, &metadata.Timestamp{
		Version: 1, Expires: expires, Meta: map[string]metadata.MetaFile{"snapshot.json": {Version: 1}}, Extra: note("timestamp"),
	}, r.online)
}

// artifacts are what peers are asked for.
var artifacts = []string{"dev/ü 1.bin", "dev/a\"b\\c", "dev/deep/er", "hash/x", "hash/y"}

func target(path string) metadata.TargetFile {
	sum := sha256.Sum256([]byte(path))
	return metadata.TargetFile{
		ArtifactInfo: rstuf.ArtifactInfo{
			Length: int64(len(path)), Hashes: map[string]string{"sha256": hex.EncodeToString(sum[:])},
			Custom: json.RawMessage(`{"task": "1"}`),
		},
		Extra: note(path),
	}
}

// pathRoles delegates dev/ by patterns and hash/ by hash prefixes.
func pathRoles(r *repository) error {
	dev, err := keys.Generate(keys.ECDSAP256, "dev")
	if err != nil {
		return err
	}
	known := map[string]rstuf.Key{dev.Public().ID(): dev.Public().Key()}
	roles := []rstuf.DelegatedRole{
		{Name: "dev", KeyIDs: []string{dev.Public().ID()}, Threshold: 1, Paths: []string{"dev/*", "dev/*/*"}, Terminating: true, ExpirePolicy: 30},
		{Name: "hash", Threshold: 1, Terminating: false, ExpirePolicy: 30},
	}
	for _, path := range artifacts {
		if !metadata.Covers(roles[0], path) {
			sum := sha256.Sum256([]byte(path))
			roles[1].PathHashPrefixes = append(roles[1].PathHashPrefixes, hex.EncodeToString(sum[:])[:5])
		}
	}
	r.targets.Delegations = &metadata.Delegations{Extra: note("delegations")}
	for i, role := range roles {
		if err := r.targets.Delegations.Put(role, known, r.root); err != nil {
			return err
		}
		files := map[string]metadata.TargetFile{}
		for _, path := range artifacts {
			if metadata.Covers(role, path) {
				files[path] = target(path)
			}
		}
		signer := []*keys.Private{dev, r.online}[i]
		if err := r.put(role.Name, &metadata.Targets{Version: 1, Expires: expires, Targets: files}, signer); err != nil {
			return err
		}
	}
	return nil
}

func hashBins(r *repository) error {
	bins, err := metadata.NewHashBins(4)
	if err != nil {
		return err
	}
	r.targets.Delegations = &metadata.Delegations{
		Keys:     map[string]rstuf.Key{r.online.Public().ID(): r.online.Public().Key()},
		Succinct: bins.SuccinctRoles(r.online.Public().ID()),
	}
	for name := range bins.Names() {
		files := map[string]metadata.TargetFile{}
		for _, path := range artifacts {
			if bins.Bin(path) == name {
				files[path] = target(path)
			}
		}
		if err := r.put(name, &metadata.Targets{Version: 1, Expires: expires, Targets: files}, r.online); err != nil {
			return err
		}
	}
	return nil
}

// check compares what the peers wrote with what they read.
func check(dir string) error {
	originals, err := filepath.Glob(filepath.Join(dir, "ours", "*", "*.json"))
	if err != nil || len(originals) == 0 {
		return fmt.Errorf("nothing in %s", dir)
	}
	for _, peer := range []string{"python-tuf", "tuf-js", "go-tuf"} {
		same, changed := 0, 0
		for _, original := range originals {
			file, _ := filepath.Rel(filepath.Join(dir, "ours"), original)
			reason, err := compare(peer, original, filepath.Join(dir, peer, file))
			switch {
			case err == nil && reason == "":
				same++
			case err != nil && reason != "":
				changed++
			case err != nil:
				return fmt.Errorf("%s, %s: %w", peer, file, err)
			default:
				return fmt.Errorf("%s, %s: came back unchanged, though this was thought: %s", peer, file, reason)
			}
		}
		fmt.Printf("%s: %d documents came back with the same signed bytes and signatures, %d are known not to\n", peer, same, changed)
	}
	if err := checkMade(filepath.Join(dir, "python-made")); err != nil {
		return err
	}
	for _, made := range []string{"python-made", "python-made-bins", "tuf-js-made"} {
		if err := read(filepath.Join(dir, made)); err != nil {
			return fmt.Errorf("%s: %w", made, err)
		}
	}
	return nil
}

// read reads a repository that somebody else has made, from its first root on:
// it has the artifacts of artifacts.txt.
func read(dir string) error {
	root, err := os.ReadFile(filepath.Join(dir, "1.root.json"))
	if err != nil {
		return err
	}
	list, err := os.ReadFile(filepath.Join(dir, "artifacts.txt"))
	if err != nil {
		return err
	}
	want := strings.Split(string(list), "\n")
	slices.Sort(want)
	url := url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}
	r, err := reader.New(reader.Config{MetadataURL: url.String()}, reader.TrustRoot(root))
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := r.Refresh(ctx); err != nil {
		return err
	}
	var got []string
	for artifact, err := range r.Artifacts(ctx) {
		if err != nil {
			return err
		}
		got = append(got, artifact.Path)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return fmt.Errorf("it has the artifacts %q, not %q", got, want)
	}
	for _, path := range want {
		if _, err := r.Info(ctx, path); err != nil {
			return err
		}
	}
	if _, err := r.Info(ctx, "none/such"); !errors.Is(err, reader.ErrNotFound) {
		return fmt.Errorf("an artifact that is not there: %v", err)
	}
	fmt.Printf("%s: its %d artifacts are read\n", filepath.Base(dir), len(want))
	return nil
}

// known are the documents that a peer cannot keep, and why.
var known = map[string]string{
	"go-tuf root-mixed-keys.json": `writes "public": "" into a Sigstore key`,
}

func compare(peer, original, copied string) (reason string, err error) {
	reason = known[peer+" "+filepath.Base(original)]
	data, err := os.ReadFile(original)
	if err != nil {
		return reason, err
	}
	want, err := metadata.Parse(data)
	if err != nil {
		return reason, err
	}
	if peer == "go-tuf" {
		data, err = throughGoTUF(want)
	} else {
		data, err = os.ReadFile(copied)
	}
	if err != nil {
		return reason, err
	}
	got, err := metadata.Parse(data)
	if err != nil {
		return reason, err
	}
	if !bytes.Equal(want.Canonical(), got.Canonical()) {
		return reason, fmt.Errorf("the signed bytes differ: sent %s, got %s", want.Canonical(), got.Canonical())
	}
	if a, b := want.Signatures(), got.Signatures(); !slices.EqualFunc(a, b, func(a, b rstuf.Signature) bool { return a.KeyID == b.KeyID && a.Sig == b.Sig }) {
		return reason, fmt.Errorf("the signatures differ: sent %v, got %v", a, b)
	}
	return reason, nil
}

func throughGoTUF(d *metadata.Document) ([]byte, error) {
	switch d.Type() {
	case rstuf.RoleRoot:
		m, err := tuf.Root().FromBytes(d.Bytes())
		if err != nil {
			return nil, err
		}
		return m.ToBytes(false)
	case rstuf.RoleTargets:
		m, err := tuf.Targets().FromBytes(d.Bytes())
		if err != nil {
			return nil, err
		}
		return m.ToBytes(false)
	case rstuf.RoleSnapshot:
		m, err := tuf.Snapshot().FromBytes(d.Bytes())
		if err != nil {
			return nil, err
		}
		return m.ToBytes(false)
	}
	m, err := tuf.Timestamp().FromBytes(d.Bytes())
	if err != nil {
		return nil, err
	}
	return m.ToBytes(false)
}

// checkMade verifies a chain of roots and a targets role that python-tuf made
// and signed.
func checkMade(dir string) error {
	var chain []*metadata.Document
	for version := int64(1); ; version++ {
		data, err := os.ReadFile(filepath.Join(dir, metadata.Filename(rstuf.RoleRoot, version)))
		if errors.Is(err, os.ErrNotExist) && version > 2 {
			break
		}
		if err != nil {
			return err
		}
		d, err := metadata.Parse(data)
		if err != nil {
			return err
		}
		chain = append(chain, d)
	}
	if err := metadata.VerifyRootChain(chain); err != nil {
		return fmt.Errorf("roots made by python-tuf: %w", err)
	}
	root, err := chain[len(chain)-1].Root()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(dir, "1.targets.json"))
	if err != nil {
		return err
	}
	d, err := metadata.Parse(data)
	if err != nil {
		return err
	}
	delegation, err := root.Delegation(rstuf.RoleTargets)
	if err != nil {
		return err
	}
	if err := delegation.Verify(d).Err(); err != nil {
		return fmt.Errorf("targets made by python-tuf: %w", err)
	}
	targets, err := d.Targets()
	if err != nil {
		return err
	}
	again, err := metadata.New(targets)
	if err != nil {
		return err
	}
	if !bytes.Equal(again.Canonical(), d.Canonical()) {
		return errors.New("targets made by python-tuf: a typed copy has other signed bytes")
	}
	fmt.Printf("python-tuf made %d roots and a targets role: they verify\n", len(chain))
	return nil
}
