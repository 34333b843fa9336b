package metadata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"example.org/rstuf"
)

// Targets is the content of a targets document: the top-level role, a
// delegated role or a hash bin (TUF specification, section 4.5). It is a
// copy; see [New]. For a role of many artifacts [Document.TargetFiles] and
// [TargetsWriter] are the faster way.
type Targets struct {
	Version     int64
	SpecVersion string
	Expires     time.Time
	// Targets by path.
	Targets map[string]TargetFile
	// Delegations is nil if there are none.
	Delegations *Delegations
	Extra       map[string]json.RawMessage

	parsed *parsedKeys
}

// TargetFile is what a targets role says of one artifact.
type TargetFile struct {
	rstuf.ArtifactInfo
	Extra map[string]json.RawMessage
}

// Targets returns the content of a targets document.
func (d *Document) Targets() (*Targets, error) {
	t := &Targets{parsed: &parsedKeys{}}
	return t, d.read(rstuf.RoleTargets, func(h header, r *reader) (err error) {
		t.Version, t.SpecVersion, t.Expires = h.version, h.specVersion, h.expires
		t.Targets = map[string]TargetFile{}
		r.each("targets", func(path string, raw []byte) (err error) {
			t.Targets[path], err = readTargetFile(raw)
			return err
		})
		if raw, ok := r.optional("delegations"); ok {
			if t.Delegations, err = readDelegations(raw); err != nil {
				r.fail("delegations", err)
			}
		}
		t.Extra = r.extra()
		return r.err
	})
}

func readTargetFile(raw []byte) (TargetFile, error) {
	if f, ok := readPlainFile(raw); ok {
		return f, nil
	}
	r := readObject(raw)
	f := TargetFile{}
	f.Length = r.integer("length", 0)
	if f.Hashes = r.stringMap("hashes"); len(f.Hashes) == 0 {
		r.fail("hashes", errNoHashes)
	}
	if custom, ok := r.optional("custom"); ok {
		f.Custom = slices.Clone(custom)
	}
	f.Extra = r.extra()
	return f, r.err
}

// readPlainFile reads what most artifacts are, one hash and a length in
// canonical form, which a role may have by the hundred thousand.
func readPlainFile(raw []byte) (f TargetFile, ok bool) {
	rest, ok := bytes.CutPrefix(raw, []byte(`{"hashes":{"`))
	if !ok {
		return f, false
	}
	algorithm, rest, ok := bytes.Cut(rest, []byte(`":"`))
	if !ok || !isPlain(algorithm) {
		return f, false
	}
	digest, rest, ok := bytes.Cut(rest, []byte(`"},"length":`))
	if !ok || !isPlain(digest) {
		return f, false
	}
	number, ok := bytes.CutSuffix(rest, []byte("}"))
	if !ok {
		return f, false
	}
	length, err := readInt(number, 0)
	if err != nil {
		return f, false
	}
	f.Length, f.Hashes = length, map[string]string{string(algorithm): string(digest)}
	return f, true
}

// isPlain tells whether the inside of a JSON string stands for itself.
func isPlain(text []byte) bool {
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	return len(text) > 0
}

func (t *Targets) appendCanonical(dst []byte) ([]byte, error) {
	w := t.header()
	files := newWriter(nil)
	for path, f := range t.Targets {
		form, err := f.AppendCanonical(nil)
		files.raw(path, form, err)
	}
	w.object("targets", files)
	return w.append(dst)
}

// header starts the signed part with everything but the targets.
func (t *Targets) header() *writer {
	w := newWriter(t.Extra)
	header{typ: rstuf.RoleTargets, version: t.Version, specVersion: t.SpecVersion, expires: t.Expires}.write(w)
	if t.Delegations != nil {
		t.Delegations.write(w)
	}
	return w
}

func (t *Targets) check(d *Document) error {
	_, err := d.Targets()
	return err
}

// Delegation says who signs a role that this one delegates to; a hash bin is
// such a role too.
func (t *Targets) Delegation(role string) (Delegation, error) {
	if t.Delegations != nil {
		r, ok := t.Delegations.role(role)
		if ok {
			return t.parsed.delegation(role, t.Delegations.Keys, r.KeyIDs, r.Threshold), nil
		}
	}
	return Delegation{}, fmt.Errorf("targets version %d does not delegate to %q", t.Version, role)
}
