package metadata

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"example.org/rstuf"
	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/quote"
)

// TargetsWriter writes a targets document of any number of artifacts in one
// pass, straight into its canonical form. Together with
// [Document.TargetFiles] it merges a role with its changes as a stream.
type TargetsWriter struct {
	out    []byte // the file so far, in canonical form
	grown  int    // by how much it is longer as JSON
	tail   []byte // what follows the targets
	header header
	last   string // the path that was added last
	count  int
	info   []byte // scratch
}

// NewTargetsWriter starts a document with everything of t but its targets,
// which must be empty: they are added one by one.
func NewTargetsWriter(t *Targets) (*TargetsWriter, error) {
	if t == nil {
		return nil, errNothing
	}
	if len(t.Targets) != 0 {
		return nil, errors.New("new targets: the targets of a writer are added one by one")
	}
	d, err := New(t)
	if err != nil {
		return nil, err
	}
	start, end := findMember(d.canonical, "targets")
	w := &TargetsWriter{header: d.header, tail: bytes.Clone(d.canonical[end-len("}"):])}
	w.out = append(append(w.out, envelopeStart...), d.canonical[:start+len("{")]...)
	return w, nil
}

// Add adds an artifact. Paths must ascend byte by byte. After an error the
// document is as it was before.
func (w *TargetsWriter) Add(path string, info rstuf.ArtifactInfo) error {
	if err := (&rstuf.Artifact{Path: path, Info: info}).Validate(); err != nil {
		return fmt.Errorf("artifact %q: %w", quote.Cut(path, maxShown), err)
	}
	if bytes.Equal(bytes.TrimSpace(info.Custom), []byte("null")) {
		info.Custom = nil // go-tuf leaves a null out before it verifies the role
	}
	form, err := TargetFile{ArtifactInfo: info}.AppendCanonical(w.info[:0])
	if err != nil {
		return fmt.Errorf("artifact %q: %w", quote.Cut(path, maxShown), err)
	}
	w.info = form
	return w.AddCanonical(path, form)
}

// AddCanonical adds an artifact whose description is in canonical form
// already, such as one that was published before, by whatever rules. It must come from [Document.TargetFiles] or
// [TargetFile.AppendCanonical], for it is not checked again.
func (w *TargetsWriter) AddCanonical(path string, info []byte) error {
	grown := w.grown + canonical.Growth(path) + canonical.Growth(info)
	size := len(w.out) + grown + 2*len(path) + len(info) + len(w.tail)
	switch {
	case w.count > 0 && path <= w.last:
		return fmt.Errorf("artifact %q: its path must come after %q", quote.Cut(path, maxShown), quote.Cut(w.last, maxShown))
	case !utf8.ValidString(path):
		return fmt.Errorf("artifact %q: the path is not valid UTF-8", quote.Cut(path, maxShown))
	case size > maxUnsigned:
		return fmt.Errorf("artifact %q: the role would be larger than %d bytes: spread its artifacts over more roles", quote.Cut(path, maxShown), maxUnsigned)
	}
	w.grown = grown
	if need := len(path) + len(info) + len(w.tail) + 16; cap(w.out)-len(w.out) < need {
		w.Grow(max(need, len(w.out))) // at least double
	}
	if w.count > 0 {
		w.out = append(w.out, ',')
	}
	w.out = append(canonical.AppendString(w.out, path), ':')
	w.out = append(w.out, info...)
	w.last = path
	w.count++
	return nil
}

// maxUnsigned leaves room for the signatures below [MaxSize].
const maxUnsigned = MaxSize - 1<<20

// Grow makes room for another size bytes of artifacts, to save time where the
// size is known in advance.
func (w *TargetsWriter) Grow(size int) { w.out = slices.Grow(w.out, size+len(w.tail)+1) }

// Len is the number of artifacts so far.
func (w *TargetsWriter) Len() int { return w.count }

// Document ends the document and returns it, unsigned. The writer is of no
// further use.
func (w *TargetsWriter) Document() *Document {
	out := append(append(w.out, w.tail...), '}')
	w.out = nil
	return canonicalDocument(w.header, out)
}

// canonicalDocument is an unsigned document whose file is given in canonical
// form: [envelopeStart], the signed part that has this header, and a bracket.
func canonicalDocument(h header, file []byte) *Document {
	d := &Document{header: h, sigStart: len(`{"signatures":`), sigEnd: len(`{"signatures":[]`)}
	d.canonical = file[len(envelopeStart) : len(file)-len("}")]
	d.raw = canonical.JSON(file)
	d.signed = d.raw[len(envelopeStart) : len(d.raw)-len("}")]
	return d
}

// AppendCanonical appends the canonical form of what is known of an artifact.
// It refuses one without hashes, which no client would accept.
func (f TargetFile) AppendCanonical(dst []byte) ([]byte, error) {
	if f.Length < 0 {
		return nil, atField("length", fmt.Errorf("%d is below 0", f.Length))
	}
	if len(f.Hashes) == 0 {
		return nil, atField("hashes", errNoHashes)
	}
	if f.Extra != nil {
		return f.appendWithExtra(dst)
	}
	dst = append(dst, '{')
	if f.Custom != nil {
		form, err := canonical.Transform(f.Custom)
		if err != nil {
			return nil, atField("custom", err)
		}
		dst = append(append(append(dst, `"custom":`...), form...), ',')
	}
	dst, err := appendHashes(append(dst, `"hashes":`...), f.Hashes)
	if err != nil {
		return nil, atField("hashes", err)
	}
	dst = append(dst, `,"length":`...)
	return append(strconv.AppendInt(dst, f.Length, 10), '}'), nil
}

var errNoHashes = errors.New("at least one hash is needed")

func (f TargetFile) appendWithExtra(dst []byte) ([]byte, error) {
	w := newWriter(f.Extra)
	w.integer("length", f.Length)
	w.stringMap("hashes", f.Hashes)
	if f.Custom != nil {
		form, err := canonical.Transform(f.Custom)
		w.raw("custom", form, err)
	}
	return w.append(dst)
}

func appendHashes(dst []byte, hashes map[string]string) ([]byte, error) {
	var few [4]string
	names := few[:0]
	for name := range hashes {
		names = append(names, name)
	}
	slices.Sort(names)
	dst = append(dst, '{')
	var err error
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendText(dst, name); err != nil {
			return nil, err
		}
		if dst, err = appendText(append(dst, ':'), hashes[name]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}
