// Package mirror reads all the metadata of a repository from its web server,
// verified from a trusted root on, for commands that look at a repository as a
// whole: its roles, versions, lives and artifacts. Artifacts are downloaded
// with client.Downloader.
//
// Start with [New] and [Mirror.Load]. Every document that it returns is signed
// as the one above it says and has the version that the one above it names.
// Whether it has expired is for the caller to look at, since an expired
// repository is what some commands are there to report.
package mirror

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// maxRoots bounds how many roots are followed in one go.
const maxRoots = 1024

// requestTimeout bounds one file.
const requestTimeout = 2 * time.Minute

// A Mirror is a web server with metadata files.
type Mirror struct {
	base *url.URL
	http *http.Client
}

// New makes a mirror of the server at an http or https URL.
func New(base string) (*Mirror, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("metadata URL %q: want http://HOST/ or https://HOST/", base)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = readAhead
	return &Mirror{base: u, http: &http.Client{Transport: transport, Timeout: requestTimeout}}, nil
}

// Get reads one file. It is fs.ErrNotExist if the server has none of that
// name.
func (m *Mirror) Get(ctx context.Context, name string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base.JoinPath(name).String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := m.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusForbidden, http.StatusGone: // a bucket answers 403 for what it does not have
		return nil, fmt.Errorf("%s: %w (status %d)", request.URL.Redacted(), fs.ErrNotExist, answer.StatusCode)
	default:
		return nil, fmt.Errorf("%s: status %d", request.URL.Redacted(), answer.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, metadata.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", request.URL.Redacted(), err)
	}
	if len(data) > metadata.MaxSize {
		return nil, fmt.Errorf("%s: larger than %d bytes", request.URL.Redacted(), metadata.MaxSize)
	}
	return data, nil
}

func (m *Mirror) document(ctx context.Context, name string) (*metadata.Document, error) {
	data, err := m.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	doc, err := metadata.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return doc, nil
}

// FirstRoot reads version 1 of root. Nothing vouches for it: whoever uses it
// trusts the server.
func (m *Mirror) FirstRoot(ctx context.Context) (*metadata.Document, error) {
	doc, err := m.document(ctx, metadata.Filename(rstuf.RoleRoot, 1))
	if err == nil {
		err = metadata.VerifyRootChain([]*metadata.Document{doc})
	}
	return doc, err
}

// Roots follows the chain of roots from a trusted one to the newest.
func (m *Mirror) Roots(ctx context.Context, trusted *metadata.Document) ([]*metadata.Document, error) {
	roots := []*metadata.Document{trusted}
	if err := metadata.VerifyRootChain(roots); err != nil {
		return nil, fmt.Errorf("the trusted root: %w", err)
	}
	for range maxRoots {
		last := roots[len(roots)-1]
		next, err := m.document(ctx, metadata.Filename(rstuf.RoleRoot, last.Version()+1))
		if errors.Is(err, fs.ErrNotExist) {
			return roots, nil
		}
		if err != nil {
			return nil, err
		}
		if _, _, err := metadata.VerifyNextRoot(last, next); err != nil {
			return nil, err
		}
		roots = append(roots, next)
	}
	return nil, fmt.Errorf("more than %d roots follow the trusted one", maxRoots)
}

// A Repository is the top of a repository's metadata.
type Repository struct {
	mirror *Mirror
	// Roots are those from the trusted one to the newest.
	Roots                        []*metadata.Document
	Timestamp, Snapshot, Targets *metadata.Document

	root     *metadata.Root
	snapshot *metadata.Snapshot
	targets  *metadata.Targets
}

// Load reads the top-level roles.
func (m *Mirror) Load(ctx context.Context, trusted *metadata.Document) (*Repository, error) {
	roots, err := m.Roots(ctx, trusted)
	if err != nil {
		return nil, err
	}
	r := &Repository{mirror: m, Roots: roots}
	if r.root, err = r.Root().Root(); err != nil {
		return nil, err
	}
	if r.Timestamp, err = r.top(ctx, rstuf.RoleTimestamp, metadata.MetaFile{}); err != nil {
		return nil, err
	}
	timestamp, err := r.Timestamp.Timestamp()
	if err != nil {
		return nil, err
	}
	if r.Snapshot, err = r.top(ctx, rstuf.RoleSnapshot, timestamp.Meta["snapshot.json"]); err != nil {
		return nil, err
	}
	if r.snapshot, err = r.Snapshot.Snapshot(); err != nil {
		return nil, err
	}
	if r.Targets, err = r.top(ctx, rstuf.RoleTargets, r.snapshot.Meta["targets.json"]); err != nil {
		return nil, err
	}
	r.targets, err = r.Targets.Targets()
	return r, err
}

// Root is the newest root.
func (r *Repository) Root() *metadata.Document { return r.Roots[len(r.Roots)-1] }

// Delegations are the roles that targets delegates to; nil without any.
func (r *Repository) Delegations() *metadata.Delegations { return r.targets.Delegations }

// top reads a top-level role as root delegates to it.
func (r *Repository) top(ctx context.Context, role string, want metadata.MetaFile) (*metadata.Document, error) {
	delegation, err := r.root.Delegation(role)
	if err != nil {
		return nil, err
	}
	return r.read(ctx, delegation, want)
}

// read reads a role and checks it against what is expected of it.
func (r *Repository) read(ctx context.Context, delegation metadata.Delegation, want metadata.MetaFile) (*metadata.Document, error) {
	if want.Version < 1 && delegation.Role != rstuf.RoleTimestamp {
		return nil, fmt.Errorf("nothing names a version of %s", delegation.Role)
	}
	name := metadata.Filename(delegation.Role, want.Version)
	data, err := r.mirror.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := checkFile(data, want); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	doc, err := metadata.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if want.Version != 0 && doc.Version() != want.Version {
		return nil, fmt.Errorf("%s: it has version %d", name, doc.Version())
	}
	if err := delegation.Verify(doc).Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return doc, nil
}

// checkFile compares a file with the length and the hashes that are known of
// it, if any are.
func checkFile(data []byte, want metadata.MetaFile) error {
	if want.Length != nil && *want.Length != int64(len(data)) {
		return fmt.Errorf("%d bytes where %d are expected", len(data), *want.Length)
	}
	sha2, sha5 := sha256.Sum256(data), sha512.Sum512(data)
	for algorithm, sum := range map[string][]byte{"sha256": sha2[:], "sha512": sha5[:]} {
		if hash, ok := want.Hashes[algorithm]; ok && !strings.EqualFold(hash, hex.EncodeToString(sum)) {
			return fmt.Errorf("its %s is not the expected one", algorithm)
		}
	}
	return nil
}

// Delegation says who signs a role that targets delegates to.
func (r *Repository) Delegation(role string) (metadata.Delegation, error) {
	return r.targets.Delegation(role)
}

// CheckExpiry is the error of the first top-level role that has expired.
func (r *Repository) CheckExpiry(now time.Time) error {
	for _, doc := range []*metadata.Document{r.Root(), r.Timestamp, r.Snapshot, r.Targets} {
		if err := doc.CheckExpiry(now); err != nil {
			return err
		}
	}
	return nil
}

// Find looks for an artifact as the TUF specification says (section 5.6.7).
// The role is the one that speaks for it; found is false if none does. Roles
// that have expired are an error.
func (r *Repository) Find(ctx context.Context, path string, now time.Time) (file metadata.TargetFile, role string, found bool, err error) {
	if file, found = r.targets.Targets[path]; found {
		return file, rstuf.RoleTargets, true, nil
	}
	if r.targets.Delegations == nil {
		return file, "", false, nil
	}
	for delegated := range r.targets.Delegations.RolesFor(path) {
		doc, err := r.Role(ctx, delegated.Name)
		if errors.Is(err, ErrUnpublished) {
			continue
		}
		if err == nil {
			err = doc.CheckExpiry(now)
		}
		if err != nil {
			return file, "", false, err
		}
		targets, err := doc.Targets()
		if err != nil {
			return file, "", false, err
		}
		if file, found = targets.Targets[path]; found {
			return file, delegated.Name, true, nil
		}
	}
	return file, "", false, nil
}
