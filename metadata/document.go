package metadata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
)

// MaxSize is the largest document in bytes that [Parse] takes. A targets role
// of this size has some 180,000 artifacts; the updaters of python-tuf and
// go-tuf refuse more than 5 MB unless told otherwise.
const MaxSize = 32 << 20

// maxEnvelopeFields bounds what may stand beside "signed". There are usually
// two fields.
const maxEnvelopeFields = 100

// SpecVersion is the version of the TUF specification that new documents
// name.
const SpecVersion = "1.0.31"

// Document is one signed document: a root, targets (delegated roles and hash
// bins too), snapshot or timestamp. The document is its bytes: nothing but
// the list of signatures is ever changed in it. A Document must not be signed
// by two goroutines at once. The zero value is not a document: it cannot be
// signed, read or trusted.
type Document struct {
	raw              []byte // the file
	sigStart, sigEnd int    // where the list of signatures stands in raw
	signed           []byte // the value of "signed", as received
	canonical        []byte
	signatures       []signature
	header
}

var errEmptyDocument = errors.New("there is no document: it is empty, and was neither read nor made with New")

// empty tells whether there is no document.
func (d *Document) empty() bool { return d == nil || len(d.canonical) == 0 }

// signature is an entry of the list of signatures, also as received.
type signature struct {
	rstuf.Signature
	raw []byte
}

// header is what every type of document has.
type header struct {
	typ         string
	version     int64
	specVersion string
	expires     time.Time
	// oddExpires is set if expires is written otherwise than the
	// specification says.
	oddExpires string
}

// Parse reads a document of any type. It refuses whatever is not exactly one
// JSON object of the right form: duplicate fields anywhere, numbers with a
// fraction in the signed part, invalid UTF-8, deep nesting, two signatures by
// one key, a version below 1, a specification that is not 1.x. Fields that it
// does not know are kept. It does not look at keys, signatures and the date;
// see [Delegation.Verify] and [Document.CheckExpiry]. Data is copied.
func Parse(data []byte) (*Document, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("document of %d bytes is too large, the most is %d", len(data), MaxSize)
	}
	d := &Document{raw: bytes.Clone(data)}
	p := canonical.NewParser(d.raw)
	seen := map[string]bool{}
	err := p.Object(func(key []byte) (err error) {
		name := string(key)
		if seen[name] {
			return fmt.Errorf("the field %q stands there twice", quote.Cut(name, maxShown))
		}
		if seen[name] = true; len(seen) > maxEnvelopeFields {
			return fmt.Errorf("there are more than %d fields beside the signed part", maxEnvelopeFields)
		}
		switch name {
		case "signed":
			err = d.readSigned(p)
		case "signatures":
			p.AllowFloats(true)
			err = d.readSignatures(p)
		default:
			p.AllowFloats(true)
			_, err = p.Raw()
		}
		p.AllowFloats(false)
		return err
	})
	if err == nil {
		err = p.End()
	}
	for _, name := range []string{"signed", "signatures"} {
		if err == nil && !seen[name] {
			err = fmt.Errorf("the field %q is missing: this is not signed metadata", name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	return d, nil
}

func (d *Document) readSigned(p *canonical.Parser) error {
	var fields reader
	fields.rest = map[string]json.RawMessage{}
	form, err := p.Members(make([]byte, 0, len(d.raw)), func(key, form []byte) {
		switch string(key) {
		case "_type", "version", "spec_version", "expires":
			fields.rest[string(key)] = bytes.Clone(form)
		}
	})
	if err != nil {
		return err
	}
	d.canonical = form
	d.signed = p.Last()
	if d.header, err = readHeader(&fields); err != nil {
		return atField("signed", err)
	}
	return nil
}

// readHeader takes the fields that every signed part has.
func readHeader(r *reader) (h header, err error) {
	h.typ = r.string("_type")
	h.specVersion = r.string("spec_version")
	h.version = r.integer("version", 1)
	expires := r.string("expires")
	if r.err != nil {
		return h, r.err
	}
	if !rules.IsTopLevelRole(h.typ) {
		return h, atField("_type", fmt.Errorf("%q is not a type of TUF metadata", quote.Cut(h.typ, maxShown)))
	}
	if !specVersion1.MatchString(h.specVersion) {
		return h, atField("spec_version", fmt.Errorf("%q is not supported, only 1.x is", quote.Cut(h.specVersion, maxShown)))
	}
	if h.expires, err = parseTime(expires); err != nil {
		return h, atField("expires", err)
	}
	if formatTime(h.expires) != expires {
		h.oddExpires = expires
	}
	return h, nil
}

var specVersion1 = regexp.MustCompile(`^1(\.[0-9]+){1,2}$`)

// write puts the same fields into an object that is being written.
func (h header) write(w *writer) {
	if h.specVersion == "" {
		h.specVersion = SpecVersion
	}
	w.string("_type", h.typ)
	w.string("spec_version", h.specVersion)
	w.integer("version", h.version)
	w.string("expires", formatTime(h.expires))
}

const timeLayout = "2006-01-02T15:04:05Z"

// parseTime reads a date. The specification knows one form (section 4.2.1),
// seconds of UTC with a "Z". Fractions of a second and offsets, which RFC 3339
// allows beside it, are read as go-tuf and tuf-js read them. Python-tuf refuses
// them, and so does [CheckRoot]; nothing here writes them.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if year := t.UTC().Year(); err != nil || !rfc3339.MatchString(s) || year < 0 || year > 9999 {
		return time.Time{}, fmt.Errorf("%q is not a date of the form %s", quote.Cut(s, maxShown), timeLayout)
	}
	return t.UTC(), nil
}

// rfc3339 refuses what time.Parse takes beside RFC 3339, such as a comma.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

func (d *Document) readSignatures(p *canonical.Parser) error {
	raw, err := p.Raw()
	if err != nil {
		return err
	}
	d.sigEnd = p.Pos()
	d.sigStart = d.sigEnd - len(raw)
	seen := map[string]bool{}
	err = readList(raw, func(_ int, raw []byte) error {
		r := readObject(raw)
		s := signature{raw: bytes.Clone(raw)}
		s.KeyID = r.string("keyid")
		s.Sig = r.string("sig")
		s.Bundle, _ = r.optional("bundle")
		if r.err == nil && s.KeyID == "" {
			r.fail("keyid", errors.New("must not be empty"))
		}
		if r.err == nil && seen[s.KeyID] {
			r.fail("keyid", fmt.Errorf("there are two signatures by the key %q", quote.Cut(s.KeyID, maxShown)))
		}
		seen[s.KeyID] = true
		d.signatures = append(d.signatures, s)
		return r.err
	})
	if err != nil {
		return atField("signatures", err)
	}
	return nil
}

// Body is the content of a document: a *[Root], *[Targets], *[Snapshot] or
// *[Timestamp].
type Body interface {
	// appendCanonical appends the canonical form of the signed part.
	appendCanonical(dst []byte) ([]byte, error)
	// check reads the same from a document, to find out what is wrong.
	check(*Document) error
}

// New makes an unsigned document. It refuses a body that [Parse] and the
// typed views would not read. The file is compact, its signed part in
// canonical form. An empty SpecVersion stands for [SpecVersion]; an expiry is
// cut to seconds of UTC.
func New(body Body) (*Document, error) {
	if isNil(body) {
		return nil, errNothing
	}
	form, err := body.appendCanonical(nil)
	if err != nil {
		return nil, fmt.Errorf("new document: %w", err)
	}
	d, err := Parse(envelope(form))
	if err != nil {
		return nil, fmt.Errorf("new document: %w", err)
	}
	if err := body.check(d); err != nil {
		return nil, fmt.Errorf("new document: %w", err)
	}
	return d, nil
}

var errNothing = errors.New("new document: there is no content: it is nil")

func isNil(body Body) bool {
	switch body := body.(type) {
	case *Root:
		return body == nil
	case *Targets:
		return body == nil
	case *Snapshot:
		return body == nil
	case *Timestamp:
		return body == nil
	}
	return body == nil
}

const envelopeStart = `{"signatures":[],"signed":`

// envelope is an unsigned file around a signed part in canonical form.
func envelope(form []byte) []byte {
	file := append(make([]byte, 0, len(envelopeStart)+len(form)+1), envelopeStart...)
	return append(append(file, canonical.JSON(form)...), '}')
}

// Type is the document's "_type": root, targets, snapshot or timestamp.
// Delegated roles and hash bins are of type targets.
func (d *Document) Type() string { return d.typ }

// Version is at least 1.
func (d *Document) Version() int64 { return d.version }

// SpecVersion is the version of the TUF specification that the document
// names, 1.x.
func (d *Document) SpecVersion() string { return d.specVersion }

// Expires is when the document stops being valid, in UTC.
func (d *Document) Expires() time.Time { return d.expires }

// ErrExpired is the error of a document whose time is over.
var ErrExpired = errors.New("metadata has expired")

// CheckExpiry returns [ErrExpired] if the document is not valid any more.
func (d *Document) CheckExpiry(now time.Time) error {
	if d.empty() {
		return errEmptyDocument
	}
	if err := d.expired(now); err != nil {
		return fmt.Errorf("%s version %d: %w", d.typ, d.version, err)
	}
	return nil
}

func (d *Document) expired(now time.Time) error {
	if now.Before(d.expires) {
		return nil
	}
	return fmt.Errorf("%w at %s", ErrExpired, formatTime(d.expires))
}

// Canonical returns the bytes that signatures cover. The caller must not
// change them.
func (d *Document) Canonical() []byte { return d.canonical }

// Bytes returns the file: as it was received, but for signatures that were
// added since. The caller must not change it.
func (d *Document) Bytes() []byte { return d.raw }

// MarshalJSON is [Document.Bytes], to nest a document in another.
func (d *Document) MarshalJSON() ([]byte, error) { return d.raw, nil }

// UnmarshalJSON is [Parse].
func (d *Document) UnmarshalJSON(data []byte) error {
	read, err := Parse(data)
	if err != nil {
		return err
	}
	*d = *read
	return nil
}

// Signatures returns the signatures in the order of the document, whether
// they are right or not. An entry with an empty "sig" and no bundle, which some
// tools put in the place of a signature to come, is none.
func (d *Document) Signatures() []rstuf.Signature {
	list := make([]rstuf.Signature, 0, len(d.signatures))
	for _, s := range d.signatures {
		if !s.placeholder() {
			list = append(list, s.Signature)
		}
	}
	return list
}

// placeholder tells whether the entry is no signature yet.
func (s signature) placeholder() bool {
	return s.Sig == "" && (len(s.Bundle) == 0 || string(s.Bundle) == "null")
}
