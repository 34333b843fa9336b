// Package config reads and writes the command's settings, ~/.rstuf.yml, in the
// form of RSTUF's Python CLI:
//
//	SERVER: https://rstuf.example.com
//	CURRENT_REPOSITORY: main
//	REPOSITORIES:
//	  main:
//	    artifact_base_url: https://files.example.com
//	    metadata_url: https://metadata.example.com
//	    hash_prefix: false
//	    trusted_root: <base64 of a root document>
//
// and these of our own, which that CLI passes over:
//
//	HEADERS: {X-Team: release}
//	TOKEN_FILE: /run/secrets/rstuf-token
//	TOKEN_COMMAND: pass show rstuf
//	SIGNERS: {yubi: [/usr/local/bin/yubi-signer, -slot, 9c]}
//	SIGSTORE: {trusted_root: /etc/rstuf/trusted_root.json}
//
// Start with [Load]. A change keeps everything that this package does not
// know, comments included, and [File.Save] replaces the file whole or not at
// all.
package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/rstuf/internal/files"
	"example.org/rstuf/internal/quote"
)

// maxSize is far above any settings file.
const maxSize = 8 << 20

// A Repository is what is known of one place to download from.
type Repository struct {
	Name            string `json:"name"`
	ArtifactBaseURL string `json:"artifact_base_url"`
	MetadataURL     string `json:"metadata_url"`
	// HashPrefix says whether artifacts are stored as HASH.NAME.
	HashPrefix bool `json:"hash_prefix"`
	// TrustedRoot is the root document that trust starts from; base64 in
	// the file.
	TrustedRoot []byte `json:"-"`
	DownloadDir string `json:"download_dir,omitempty"`
}

// A File is the settings as they stand in a file, which may not exist yet.
type File struct {
	path string
	doc  yaml.Node
}

// Load reads the settings. A file that does not exist, or has no name, is an
// empty one. A file that holds HEADERS and that others can read is refused, and
// so is one that others can write and that holds SIGNERS, which are programs that
// are run, or SIGSTORE, which says whom to trust and where tokens go.
func Load(path string) (*File, error) {
	f := &File{path: path}
	if path == "" {
		return f, nil
	}
	data, mode, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("settings %s: %w", path, err)
	}
	if err := yaml.Unmarshal(data, &f.doc); err != nil {
		return nil, fmt.Errorf("settings %s: %s", path, quote.OneLine(err.Error(), 1000))
	}
	if root := f.root(); root != nil && root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("settings %s: line %d: want names and values such as SERVER: URL", path, root.Line)
	}
	if f.find("HEADERS") != nil && mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("settings %s: it holds HEADERS and others can read it (mode %04o): chmod 600 it", path, mode.Perm())
	}
	for _, name := range []string{"SIGNERS", "SIGSTORE"} {
		if f.find(name) != nil && mode.Perm()&0o022 != 0 && runtime.GOOS != "windows" {
			return nil, fmt.Errorf("settings %s: it holds %s and others can write it (mode %04o): chmod go-w it", path, name, mode.Perm())
		}
	}
	return f, nil
}

func read(path string) ([]byte, fs.FileMode, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = fmt.Errorf("larger than %d bytes", maxSize)
	}
	return data, info.Mode(), err
}

// Server is the API's URL; empty if it is not set.
func (f *File) Server() (string, error) { return f.text("SERVER") }

// TokenFile and TokenCommand say where the API's bearer token comes from;
// empty if they are not set.
func (f *File) TokenFile() (string, error) { return f.text("TOKEN_FILE") }

// TokenCommand is a shell command that prints the API's bearer token.
func (f *File) TokenCommand() (string, error) { return f.text("TOKEN_COMMAND") }

// Signers are the programs of exec: key URIs by their names, each with its
// arguments.
func (f *File) Signers() (map[string][]string, error) {
	signers := map[string][]string{}
	if node := f.find("SIGNERS"); node != nil && node.Tag != "!!null" {
		if err := node.Decode(&signers); err != nil {
			return nil, f.errorf(node, "SIGNERS: want names, and below each a list of the program and its arguments")
		}
	}
	return signers, nil
}

// Sigstore is a Sigstore instance: whom to trust, and what signs.
type Sigstore struct {
	// TrustedRoot is the file that is pinned.
	TrustedRoot string `yaml:"trusted_root"`
	// Fulcio, Rekor and Timestamp are URLs; empty if they are not set.
	Fulcio    string `yaml:"fulcio"`
	Rekor     string `yaml:"rekor"`
	Timestamp string `yaml:"timestamp"`
	// TokenFile and TokenCommand give an OIDC token; without them it is the CI
	// runner's.
	TokenFile    string `yaml:"token_file"`
	TokenCommand string `yaml:"token_command"`
}

// Sigstore is what SIGSTORE says; nil if it is not set.
func (f *File) Sigstore() (*Sigstore, error) {
	node := f.find("SIGSTORE")
	if node == nil || node.Tag == "!!null" {
		return nil, nil
	}
	var s Sigstore
	if err := node.Decode(&s); err != nil || s.TrustedRoot == "" {
		return nil, f.errorf(node, "SIGSTORE: want trusted_root, a file, and to sign the URLs fulcio and rekor")
	}
	return &s, nil
}

// Headers are sent with each request to the API.
func (f *File) Headers() (map[string]string, error) {
	headers := map[string]string{}
	if node := f.find("HEADERS"); node != nil && node.Tag != "!!null" {
		if err := node.Decode(&headers); err != nil {
			return nil, f.errorf(node, "HEADERS: want names and texts")
		}
	}
	return headers, nil
}

// CurrentName is the name of the repository that commands use; empty if it is
// not set.
func (f *File) CurrentName() (string, error) { return f.text("CURRENT_REPOSITORY") }

// SetCurrent makes commands use a repository, which must be there.
func (f *File) SetCurrent(name string) error {
	if _, err := f.Repository(name); err != nil {
		return err
	}
	f.set(f.mapping(), "CURRENT_REPOSITORY", scalar(name))
	return nil
}

// Names are the repositories' names in the order of the file.
func (f *File) Names() ([]string, error) {
	all, err := f.repositories()
	if err != nil || all == nil {
		return nil, err
	}
	names := make([]string, 0, len(all.Content)/2)
	for i := 0; i < len(all.Content); i += 2 {
		names = append(names, all.Content[i].Value)
	}
	return names, nil
}

// ErrNoRepository: the settings hold no repository of that name.
var ErrNoRepository = errors.New("no such repository in the settings")

// Repository gives a repository by name.
func (f *File) Repository(name string) (Repository, error) {
	node, err := f.repository(name)
	if err != nil {
		return Repository{}, err
	}
	var wire struct {
		ArtifactBaseURL string `yaml:"artifact_base_url"`
		MetadataURL     string `yaml:"metadata_url"`
		HashPrefix      bool   `yaml:"hash_prefix"`
		TrustedRoot     string `yaml:"trusted_root"`
		DownloadDir     string `yaml:"download_dir"`
	}
	if err := node.Decode(&wire); err != nil {
		return Repository{}, f.errorf(node, "repository %s: want texts, and true or false for hash_prefix", name)
	}
	root, err := base64.StdEncoding.DecodeString(strings.TrimSpace(wire.TrustedRoot))
	if err != nil {
		return Repository{}, f.errorf(node, "repository %s: trusted_root is not base64", name)
	}
	return Repository{name, wire.ArtifactBaseURL, wire.MetadataURL, wire.HashPrefix, root, wire.DownloadDir}, nil
}

// SetRepository adds a repository or changes the one of that name, whose other
// fields stay.
func (f *File) SetRepository(r Repository) error {
	all, err := f.repositories()
	if err != nil {
		return err
	}
	if all == nil {
		all = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		f.set(f.mapping(), "REPOSITORIES", all)
	}
	node := child(all, r.Name)
	if node == nil || node.Kind != yaml.MappingNode {
		node = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		f.set(all, r.Name, node)
	}
	f.set(node, "artifact_base_url", scalar(r.ArtifactBaseURL))
	f.set(node, "metadata_url", scalar(r.MetadataURL))
	f.set(node, "trusted_root", scalar(base64.StdEncoding.EncodeToString(r.TrustedRoot)))
	prefix := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(r.HashPrefix)}
	f.set(node, "hash_prefix", prefix)
	if r.DownloadDir != "" {
		f.set(node, "download_dir", scalar(r.DownloadDir))
	}
	return nil
}

// DeleteRepository takes a repository out. If it was the current one there is
// none afterwards.
func (f *File) DeleteRepository(name string) error {
	if _, err := f.repository(name); err != nil {
		return err
	}
	all, err := f.repositories()
	if err != nil {
		return err
	}
	f.remove(all, name)
	if current, _ := f.CurrentName(); current == name {
		f.remove(f.root(), "CURRENT_REPOSITORY")
	}
	return nil
}

// Save writes the settings, readable by their owner alone unless the file has
// another mode already.
func (f *File) Save() error {
	if f.path == "" {
		return errors.New("there is no home folder to keep the settings in: name a file for them")
	}
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(&f.doc); err != nil {
		return fmt.Errorf("settings %s: %w", f.path, err)
	}
	if err := f.replace(buf.Bytes()); err != nil {
		return fmt.Errorf("settings %s: %w", f.path, err)
	}
	return nil
}

func (f *File) replace(data []byte) error {
	path := f.path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link stays a link
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	return files.ReplaceMode(path, data, mode)
}
