package metadata

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
)

// NextSnapshot makes the next version of a snapshot, unsigned. It patches the
// bytes of the last one: with 16,384 hash bins that is many times faster than
// to build a [Snapshot]. Without a last one, which is nil then, it makes the
// first.
//
// The roles that have changed, by name, are listed with the version given and
// nothing else: a length or hashes that stood there were those of the old file.
// All other entries, and fields that are not known here, stay as they are. No
// role goes, for a client that saw a role in a snapshot refuses one without it
// (TUF specification, section 5.5.5), and no version falls.
func NextSnapshot(last *Document, version int64, expires time.Time, changed map[string]int64) (*Document, error) {
	d, err := nextSnapshot(last, header{typ: rstuf.RoleSnapshot, version: version, specVersion: SpecVersion, expires: expires.UTC().Truncate(time.Second)}, changed)
	if err != nil {
		return nil, fmt.Errorf("next snapshot: %w", err)
	}
	return d, nil
}

func nextSnapshot(last *Document, h header, changed map[string]int64) (*Document, error) {
	form, before := []byte(firstSnapshot), int64(0)
	if last != nil {
		switch form, before = last.canonical, last.version; {
		case last.empty():
			return nil, errEmptyDocument
		case last.typ != rstuf.RoleSnapshot:
			return nil, fmt.Errorf("the last one is of type %q, not %q", last.typ, rstuf.RoleSnapshot)
		}
	}
	if h.version <= before {
		return nil, fmt.Errorf("version %d must be above %d", h.version, before)
	}
	if year := h.expires.Year(); year < 0 || year > 9999 {
		return nil, fmt.Errorf("it cannot expire in the year %d", year)
	}
	entries, err := metaEntries(changed)
	if err != nil {
		return nil, err
	}
	p := patch{form: form, out: append(make([]byte, 0, len(form)+128+64*len(entries)), envelopeStart...)}
	if err := p.snapshot(h, entries); err != nil {
		return nil, err
	}
	if len(p.out) > maxUnsigned {
		return nil, fmt.Errorf("%d bytes are too many, the most is %d: use fewer roles", len(p.out), maxUnsigned)
	}
	return canonicalDocument(h, append(p.out, '}')), nil
}

// firstSnapshot is what the first snapshot is patched from.
const firstSnapshot = `{"_type":"snapshot","expires":"","meta":{},"spec_version":"","version":0}`

// NewTimestamp makes a timestamp, unsigned, that names a version of the
// snapshot.
func NewTimestamp(version int64, expires time.Time, snapshot int64) (*Document, error) {
	return New(&Timestamp{Version: version, Expires: expires, Meta: map[string]MetaFile{fileSnapshot: {Version: snapshot}}})
}

// metaEntry is what a snapshot says of a role that has changed.
type metaEntry struct {
	file    string // targets.json
	name    []byte // the same in canonical form, in quotation marks
	version int64
}

// metaEntries are the entries of roles in the order of a snapshot, in which
// "a-b.json" comes before "a.json".
func metaEntries(changed map[string]int64) ([]metaEntry, error) {
	list := make([]metaEntry, 0, len(changed))
	for role, version := range changed {
		err := checkRoleName(role)
		switch {
		case err != nil:
		case rules.IsTopLevelRole(role) && role != rstuf.RoleTargets:
			err = errors.New("it is not among the roles that a snapshot lists")
		case version < 1:
			err = fmt.Errorf("version %d is below 1", version)
		}
		e := metaEntry{file: role + fileExtension, version: version}
		if err == nil {
			e.name, err = appendText(nil, e.file)
		}
		if err != nil {
			return nil, fmt.Errorf("role %q: %w", quote.Cut(role, maxShown), err)
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b metaEntry) int { return strings.Compare(a.file, b.file) })
	return list, nil
}

// compare compares the entry's name with another one in canonical form.
func (e metaEntry) compare(name []byte) int {
	if bytes.IndexByte(name, '\\') >= 0 {
		return strings.Compare(e.file, unescape(name))
	}
	return bytes.Compare([]byte(e.file), name)
}

func (e metaEntry) append(dst []byte) []byte {
	return e.appendValue(append(append(dst, e.name...), ':'))
}

func (e metaEntry) appendValue(dst []byte) []byte {
	return append(strconv.AppendInt(append(dst, versionOnly...), e.version, 10), '}')
}

// patch copies text in canonical form, in one pass, with some of it replaced.
type patch struct {
	form, out []byte
	copied    int // how much of form is in out
}

// upTo copies what is before a place in form.
func (p *patch) upTo(at int) {
	p.out = append(p.out, p.form[p.copied:at]...)
	p.copied = at
}

// snapshot writes a snapshot with another header and with changed entries.
func (p *patch) snapshot(h header, entries []metaEntry) error {
	found := false
	for i := 1; p.form[i] != '}'; {
		value := skipString(p.form, i) + 1 // behind the colon
		name := p.form[i+1 : value-2]
		end := 0
		if found = found || string(name) == "meta"; string(name) == "meta" {
			var err error
			if end, err = p.meta(value, entries); err != nil {
				return atField("meta", err)
			}
		} else {
			end = skipValue(p.form, value)
		}
		if fresh := h.canonical(string(name)); fresh != nil {
			p.upTo(value)
			p.out = append(p.out, fresh...)
			p.copied = end
		}
		if i = end; p.form[i] == ',' {
			i++
		}
	}
	p.upTo(len(p.form))
	if !found {
		return atField("meta", errors.New("the field is missing"))
	}
	return nil
}

// canonical is the value of a field that differs from version to version.
func (h header) canonical(field string) []byte {
	switch field {
	case "expires":
		return canonical.AppendString(nil, formatTime(h.expires))
	case "spec_version":
		return canonical.AppendString(nil, h.specVersion)
	case "version":
		return strconv.AppendInt(nil, h.version, 10)
	}
	return nil
}

// meta writes the list of roles that begins at a place, with some entries
// replaced or added, and returns where it ended.
func (p *patch) meta(start int, entries []metaEntry) (end int, err error) {
	if p.form[start] != '{' {
		return 0, errors.New("must be an object")
	}
	i := start + 1
	for p.form[i] != '}' {
		value := skipString(p.form, i) + 1
		name := p.form[i+1 : value-2]
		for len(entries) > 0 && entries[0].compare(name) < 0 {
			p.upTo(i)
			p.out = append(entries[0].append(p.out), ',')
			entries = entries[1:]
		}
		end := skipMetaFile(p.form, value)
		if len(entries) > 0 && entries[0].compare(name) == 0 {
			old, err := readMetaFile(p.form[value:end])
			if err == nil && entries[0].version < old.Version {
				err = fmt.Errorf("version %d must not be below %d", entries[0].version, old.Version)
			}
			if err != nil {
				return 0, atField(string(name), err)
			}
			p.upTo(value)
			p.out = entries[0].appendValue(p.out)
			p.copied = end
			entries = entries[1:]
		}
		if i = end; p.form[i] == ',' {
			i++
		}
	}
	for _, e := range entries { // behind all that were there
		p.upTo(i)
		if p.out[len(p.out)-1] != '{' {
			p.out = append(p.out, ',')
		}
		p.out = e.append(p.out)
	}
	return i + 1, nil
}

// skipMetaFile is [skipValue], quick for entries that are a version alone.
func skipMetaFile(form []byte, i int) int {
	if !bytes.HasPrefix(form[i:], []byte(versionOnly)) {
		return skipValue(form, i)
	}
	end := i + len(versionOnly)
	for form[end] >= '0' && form[end] <= '9' {
		end++
	}
	if form[end] != '}' {
		return skipValue(form, i)
	}
	return end + 1
}
