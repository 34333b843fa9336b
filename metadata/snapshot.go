package metadata

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"example.org/rstuf"
)

// Snapshot is the content of a snapshot (TUF specification, section 4.4): the
// versions of all targets roles. It is a copy; see [New].
type Snapshot struct {
	Version     int64
	SpecVersion string
	Expires     time.Time
	// Meta by file name without a version, "targets.json".
	Meta  map[string]MetaFile
	Extra map[string]json.RawMessage
}

// Timestamp is the content of a timestamp (TUF specification, section 4.6):
// the version of the snapshot. It is a copy; see [New].
type Timestamp struct {
	Version     int64
	SpecVersion string
	Expires     time.Time
	// Meta has "snapshot.json" alone.
	Meta  map[string]MetaFile
	Extra map[string]json.RawMessage
}

// MetaFile is what one metadata file says of another. RSTUF writes the
// version alone.
type MetaFile struct {
	Version int64
	Length  *int64            // in bytes; nil if it is not given
	Hashes  map[string]string // lower-case hex by algorithm; nil if not given
	Extra   map[string]json.RawMessage
}

// Snapshot returns the content of a snapshot document.
func (d *Document) Snapshot() (*Snapshot, error) {
	s := &Snapshot{}
	return s, d.read(rstuf.RoleSnapshot, func(h header, r *reader) error {
		s.Version, s.SpecVersion, s.Expires = h.version, h.specVersion, h.expires
		s.Meta = r.meta()
		s.Extra = r.extra()
		return r.err
	})
}

// Timestamp returns the content of a timestamp document.
func (d *Document) Timestamp() (*Timestamp, error) {
	t := &Timestamp{}
	return t, d.read(rstuf.RoleTimestamp, func(h header, r *reader) error {
		t.Version, t.SpecVersion, t.Expires = h.version, h.specVersion, h.expires
		t.Meta = r.meta()
		t.Extra = r.extra()
		if _, ok := t.Meta[fileSnapshot]; r.err == nil && (!ok || len(t.Meta) != 1) {
			r.fail("meta", errors.New("must name snapshot.json and nothing else"))
		}
		return r.err
	})
}

const (
	fileSnapshot  = rstuf.RoleSnapshot + fileExtension
	fileExtension = ".json"
)

func (r *reader) meta() map[string]MetaFile {
	// A map that grows to thousands of entries costs several times its size.
	files := make(map[string]MetaFile, bytes.Count(r.rest["meta"], []byte(`":{`)))
	r.each("meta", func(name string, raw []byte) (err error) {
		role, ok := strings.CutSuffix(name, fileExtension)
		if !ok {
			return errors.New("the name of a metadata file ends in .json")
		}
		if err := readRoleName(role); err != nil {
			return err
		}
		files[name], err = readMetaFile(raw)
		return err
	})
	return files
}

const versionOnly = `{"version":`

func readMetaFile(raw []byte) (MetaFile, error) {
	// What RSTUF writes, thousands of times with hash bins, needs no maps.
	if number, ok := bytes.CutPrefix(raw, []byte(versionOnly)); ok {
		if n, err := readInt(bytes.TrimSuffix(number, []byte("}")), 1); err == nil {
			return MetaFile{Version: n}, nil
		}
	}
	r := readObject(raw)
	f := MetaFile{Version: r.integer("version", 1)}
	if _, ok := r.rest["length"]; ok {
		length := r.integer("length", 0)
		f.Length = &length
	}
	if _, ok := r.rest["hashes"]; ok {
		if f.Hashes = r.stringMap("hashes"); len(f.Hashes) == 0 {
			r.fail("hashes", errNoHashes) // section 4.4: one or more
		}
	}
	f.Extra = r.extra()
	return f, r.err
}

// stringMap takes an object whose values are strings.
func (r *reader) stringMap(name string) map[string]string {
	m := map[string]string{}
	r.each(name, func(key string, raw []byte) (err error) {
		m[key], err = readString(raw)
		return err
	})
	return m
}

func (s *Snapshot) appendCanonical(dst []byte) ([]byte, error) {
	w := newWriter(s.Extra)
	header{typ: rstuf.RoleSnapshot, version: s.Version, specVersion: s.SpecVersion, expires: s.Expires}.write(w)
	w.meta(s.Meta)
	return w.append(dst)
}

func (t *Timestamp) appendCanonical(dst []byte) ([]byte, error) {
	w := newWriter(t.Extra)
	header{typ: rstuf.RoleTimestamp, version: t.Version, specVersion: t.SpecVersion, expires: t.Expires}.write(w)
	w.meta(t.Meta)
	return w.append(dst)
}

func (w *writer) meta(files map[string]MetaFile) {
	all := newWriter(nil)
	for name, f := range files {
		if f.Length == nil && len(f.Hashes) == 0 && f.Extra == nil {
			form := strconv.AppendInt([]byte(versionOnly), f.Version, 10)
			all.raw(name, append(form, '}'), nil)
			continue
		}
		inner := newWriter(f.Extra)
		inner.integer("version", f.Version)
		if f.Length != nil {
			inner.integer("length", *f.Length)
		}
		if len(f.Hashes) > 0 {
			inner.stringMap("hashes", f.Hashes)
		}
		all.object(name, inner)
	}
	w.object("meta", all)
}

func (s *Snapshot) check(d *Document) error {
	_, err := d.Snapshot()
	return err
}

func (t *Timestamp) check(d *Document) error {
	_, err := d.Timestamp()
	return err
}
