// Package audit verifies a whole repository, role by role, as a client that
// looks at everything would do it.
package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// Repository is what was found.
type Repository struct {
	Root      *metadata.Document
	Timestamp int64 // versions
	Snapshot  int64
	Roles     map[string]int64 // versions of the roles in the snapshot
	// Artifacts are the canonical descriptions by path.
	Artifacts map[string]string
	// ByRole are the paths of each delegated role.
	ByRole map[string][]string
}

// Options says what is expected of a repository.
type Options struct {
	// FirstRoot is the file of the root that is trusted; nil means 1.root.json.
	FirstRoot []byte
	Now       time.Time
	// Unsigned tells whether a delegated role may be unpublished since it
	// waits for signatures; nil means that none may.
	Unsigned func(role string) bool
}

// Verify reads and verifies a repository.
func Verify(read func(name string) ([]byte, error), opts Options) (*Repository, error) {
	v := verifier{read: read, now: opts.Now, out: &Repository{Roles: map[string]int64{}, Artifacts: map[string]string{}, ByRole: map[string][]string{}}}
	root, err := v.roots(opts.FirstRoot)
	if err != nil {
		return nil, err
	}
	timestamp, err := v.document(rstuf.RoleTimestamp, 0, root)
	if err != nil {
		return nil, err
	}
	view, err := timestamp.Timestamp()
	if err != nil {
		return nil, err
	}
	v.out.Timestamp = timestamp.Version()
	snapshot, err := v.document(rstuf.RoleSnapshot, view.Meta["snapshot.json"].Version, root)
	if err != nil {
		return nil, err
	}
	v.out.Snapshot = snapshot.Version()
	meta, err := snapshot.Snapshot()
	if err != nil {
		return nil, err
	}
	for name, file := range meta.Meta {
		v.out.Roles[strings.TrimSuffix(name, ".json")] = file.Version
	}
	targets, err := v.document(rstuf.RoleTargets, v.out.Roles[rstuf.RoleTargets], root)
	if err != nil {
		return nil, err
	}
	return v.out, v.delegated(targets, opts.Unsigned)
}

type verifier struct {
	read func(name string) ([]byte, error)
	now  time.Time
	out  *Repository
}

// roots follows the chain of roots to its end.
func (v *verifier) roots(first []byte) (*metadata.Root, error) {
	if first == nil {
		data, err := v.read("1.root.json")
		if err != nil {
			return nil, fmt.Errorf("1.root.json: %w", err)
		}
		first = data
	}
	doc, err := metadata.Parse(first)
	if err != nil {
		return nil, err
	}
	chain := []*metadata.Document{doc}
	for {
		name := metadata.Filename(rstuf.RoleRoot, doc.Version()+1)
		data, err := v.read(name)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if doc, err = metadata.Parse(data); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		chain = append(chain, doc)
	}
	if err := metadata.VerifyRootChain(chain); err != nil {
		return nil, err
	}
	v.out.Root = doc
	if err := metadata.CheckRoot(doc, v.now); err != nil {
		return nil, err
	}
	return doc.Root()
}

type delegator interface {
	Delegation(role string) (metadata.Delegation, error)
}

// document reads a role's file and verifies it.
func (v *verifier) document(role string, version int64, by delegator) (*metadata.Document, error) {
	name := metadata.Filename(role, version)
	data, err := v.read(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	doc, err := metadata.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d, err := by.Delegation(role)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := d.Verify(doc).Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := doc.CheckExpiry(v.now); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if version > 0 && doc.Version() != version {
		return nil, fmt.Errorf("%s holds version %d", name, doc.Version())
	}
	return doc, nil
}

// delegated verifies every role that targets delegates to.
func (v *verifier) delegated(doc *metadata.Document, unsigned func(string) bool) error {
	targets, err := doc.Targets()
	if err != nil {
		return err
	}
	var names []string
	switch d := targets.Delegations; {
	case d == nil:
	case d.Succinct != nil:
		bins, err := d.Succinct.Bins()
		if err != nil {
			return err
		}
		for name := range bins.Names() {
			names = append(names, name)
		}
	default:
		for _, role := range d.Roles {
			names = append(names, role.Name)
		}
	}
	for _, name := range names {
		version, ok := v.out.Roles[name]
		if !ok && unsigned != nil && unsigned(name) {
			continue
		}
		if !ok {
			return fmt.Errorf("the snapshot does not list %s", name)
		}
		role, err := v.document(name, version, targets)
		if err != nil {
			if unsigned != nil && unsigned(name) {
				continue // its keys changed and it waits to be signed by the new ones
			}
			return err
		}
		if err := v.artifacts(name, role); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) artifacts(name string, role *metadata.Document) error {
	if _, err := role.Targets(); err != nil { // it checks the shape
		return err
	}
	files, err := role.TargetFiles()
	if err != nil {
		return err
	}
	for path, form := range files {
		if _, twice := v.out.Artifacts[path]; !twice {
			v.out.Artifacts[path] = string(form)
		}
		v.out.ByRole[name] = append(v.out.ByRole[name], path)
	}
	return nil
}
