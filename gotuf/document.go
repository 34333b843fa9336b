package gotuf

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	tuf "github.com/theupdateframework/go-tuf/v2/metadata"

	"example.org/rstuf/metadata"
)

// ErrDiffers is the error of a document that go-tuf would write otherwise, so that
// its signatures would not hold there.
var ErrDiffers = errors.New("go-tuf writes it otherwise than it was signed")

// Metadata makes go-tuf's metadata of a document: T is RootType, TargetsType,
// SnapshotType or TimestampType. The signatures hold on both sides; whether they
// are right nobody has asked.
func Metadata[T tuf.Roles](doc *metadata.Document) (*tuf.Metadata[T], error) {
	if doc == nil || len(doc.Bytes()) == 0 {
		return nil, errors.New("gotuf: there is no document")
	}
	meta, err := fromBytes[T](doc.Bytes())
	if err != nil {
		return nil, fmt.Errorf("gotuf: go-tuf can't read the %s: %w", doc.Type(), err)
	}
	back, err := Document(meta)
	if err != nil {
		return nil, err
	}
	if err := same(doc, back); err != nil {
		return nil, fmt.Errorf("gotuf: %s: %w", doc.Type(), err)
	}
	return meta, nil
}

// fromBytes is go-tuf's, which panics at some of what it can't read.
func fromBytes[T tuf.Roles](data []byte) (meta *tuf.Metadata[T], err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("it panics: %v", cause)
		}
	}()
	return new(tuf.Metadata[T]).FromBytes(data)
}

// Document makes a document of go-tuf's metadata. It is canonical JSON or close to
// it, as go-tuf writes it, and signatures that hold there hold here.
func Document[T tuf.Roles](meta *tuf.Metadata[T]) (*metadata.Document, error) {
	if meta == nil {
		return nil, errors.New("gotuf: there is no metadata")
	}
	data, err := meta.ToBytes(false)
	if err != nil {
		return nil, fmt.Errorf("gotuf: %w", err)
	}
	doc, err := metadata.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("gotuf: what go-tuf writes is no document: %w", err)
	}
	return doc, nil
}

// same compares what signatures cover, and the signatures.
func same(doc, back *metadata.Document) error {
	if ours, theirs := doc.Canonical(), back.Canonical(); !bytes.Equal(ours, theirs) {
		at := 0
		for at < min(len(ours), len(theirs)) && ours[at] == theirs[at] {
			at++
		}
		return fmt.Errorf("%w: %s becomes %s", ErrDiffers, around(ours, at), around(theirs, at))
	}
	ours, theirs := doc.Signatures(), back.Signatures()
	if len(ours) != len(theirs) {
		return fmt.Errorf("%w: of %d signatures %d are left", ErrDiffers, len(ours), len(theirs))
	}
	for i := range ours {
		if ours[i].KeyID != theirs[i].KeyID || !strings.EqualFold(ours[i].Sig, theirs[i].Sig) {
			return fmt.Errorf("%w: the signature by %.12q", ErrDiffers, ours[i].KeyID)
		}
	}
	return nil
}

// around is the text at a place, with a little of what comes before.
func around(text []byte, at int) string {
	const before, after = 30, 10
	return fmt.Sprintf("%q", text[max(0, at-before):min(len(text), at+after)])
}
