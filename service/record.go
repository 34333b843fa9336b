package service

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strings"

	"example.org/rstuf/internal/wire"
)

// taskID names a task. It begins with the request's number, so that the ids
// sort by arrival, and ends with random bytes, so that nobody guesses one. What
// clients see begins with c or d: nobody takes it for a number, as dynaconf does
// with digits that have one e among them, or none.
type taskID [16]byte

func newTaskID(number uint64) (id taskID) {
	binary.BigEndian.PutUint64(id[:], number)
	rand.Read(id[8:])
	id[8] = 0xc0 | id[8]&0x1f
	return id
}

// key is the id as the key of a table.
func (id taskID) key() string { return string(id[:]) }

func (id taskID) number() uint64 { return binary.BigEndian.Uint64(id[:]) }

// String is the id as clients see it, 32 hex digits: the random half first, so
// that the start of an id tells it from others.
func (id taskID) String() string { return hex.EncodeToString(id[8:]) + hex.EncodeToString(id[:8]) }

func parseTaskID(text string) (id taskID, ok bool) {
	if len(text) != hex.EncodedLen(len(id)) {
		return id, false
	}
	raw, err := hex.DecodeString(text[16:] + text[:16])
	copy(id[:], raw)
	return id, err == nil
}

// kind says what a request asks for. The numbers are on disk.
type kind byte

const (
	addArtifacts kind = iota + 1
	removeArtifacts
	publishArtifacts
	bootstrapRepository
	updateSettings
	updateMetadata
	bumpOnline
	signMetadata
	deleteSign
	addDelegations
	updateDelegations
	deleteDelegations
)

// artifacts tells whether requests of this kind are gathered into one
// publication.
func (k kind) artifacts() bool { return k >= addArtifacts && k <= publishArtifacts }

// name is the name of the task.
func (k kind) name() string {
	switch k {
	case addArtifacts:
		return wire.TaskAddArtifacts
	case removeArtifacts:
		return wire.TaskRemoveArtifacts
	case publishArtifacts:
		return wire.TaskPublishArtifacts
	case bootstrapRepository:
		return wire.TaskBootstrap
	case updateSettings:
		return wire.TaskUpdateSettings
	case updateMetadata:
		return wire.TaskMetadataUpdate
	case bumpOnline:
		return wire.TaskForceOnlineMetadataUpdate
	case signMetadata:
		return wire.TaskSignMetadata
	case deleteSign:
		return wire.TaskDeleteSignMetadata
	}
	return wire.TaskMetadataDelegation
}

// record is an accepted request as it waits on disk: two bytes, then the
// request's body, or the entries of an artifact request.
type record []byte

const skipPublish = 1 // a flag: publish only when something else is published

func newRecord(k kind, skip bool) record {
	r := record{byte(k), 0}
	if skip {
		r[1] |= skipPublish
	}
	return r
}

func (r record) kind() kind   { return kind(r[0]) }
func (r record) skip() bool   { return r[1]&skipPublish != 0 }
func (r record) body() []byte { return r[2:] }

var errRecord = errors.New("a waiting request is damaged")

// openRecord reads a record as it was stored.
func openRecord(sealed []byte) (record, error) {
	value, err := unseal(sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	return record(value), record(value).check()
}

// check tells whether a record has the form of one.
func (r record) check() error {
	if len(r) < 2 || r.kind() < addArtifacts || r.kind() > deleteDelegations {
		return errRecord
	}
	if !r.kind().artifacts() {
		return nil
	}
	texts := 0
	for body := r.body(); len(body) > 0; texts++ {
		n, width := binary.Uvarint(body)
		if width <= 0 || n > uint64(len(body)-width) {
			return errRecord
		}
		if texts%2 == 1 && !isForm(body[width:width+int(n)]) {
			return errRecord
		}
		body = body[width+int(n):]
	}
	if texts%2 != 0 {
		return errRecord
	}
	return nil
}

// What a request costs in memory while it waits, beside its bytes, and what each
// of its entries costs in a publication.
const (
	requestCost = 512
	entryCost   = 64
)

// cost is what a request counts towards what may wait and what one publication
// takes: many short paths cost more than their bytes.
func (r record) cost() int64 {
	cost := int64(len(r)) + requestCost
	if r.kind().artifacts() {
		for range entries(string(r.body())) {
			cost += entryCost
		}
	}
	return cost
}

// appendEntry adds an artifact: its path and its canonical description, which
// is empty where the artifact is to be removed.
func (r record) appendEntry(path, form string) record {
	r = append(binary.AppendUvarint(r, uint64(len(path))), path...)
	if digest, length, ok := usualForm(form); ok {
		r = binary.AppendUvarint(r, uint64(1+len(digest)+len(length)))
		r = append(append(r, packed), digest[:]...)
		return append(r, length...)
	}
	return append(binary.AppendUvarint(r, uint64(len(form))), form...)
}

// A description of the usual kind, {"hashes":{"sha256":"…"},"length":1}, is
// kept in less than half the bytes: this byte, the digest, and the length as it
// stands.
const (
	packed     = 1 // no description begins with it
	usualStart = `{"hashes":{"sha256":"`
	usualEnd   = `"},"length":`
)

func usualForm(form string) (digest [sha256.Size]byte, length string, ok bool) {
	rest, ok := strings.CutPrefix(form, usualStart)
	if !ok || len(rest) < 2*len(digest) {
		return digest, "", false
	}
	length, ok = strings.CutPrefix(rest[2*len(digest):], usualEnd)
	if !ok || length == "}" || strings.TrimLeft(length, "0123456789") != "}" {
		return digest, "", false
	}
	for i := range digest {
		high, low := hexDigit[rest[2*i]], hexDigit[rest[2*i+1]]
		if high|low > 15 {
			return digest, "", false
		}
		digest[i] = high<<4 | low
	}
	return digest, length[:len(length)-1], true
}

// hexDigit is the value of a digit of lower-case hex, 255 for all other bytes.
var hexDigit = func() (table [256]byte) {
	for i := range table {
		table[i] = 255
	}
	for i, c := range []byte("0123456789abcdef") {
		table[c] = byte(i)
	}
	return table
}()

// isForm tells whether an entry's second text is a description, or empty.
func isForm(form []byte) bool {
	return len(form) == 0 || form[0] == '{' || form[0] == packed && len(form) > 1+sha256.Size
}

// appendForm appends the description that stands in an entry.
func appendForm(dst []byte, form string) []byte {
	if form[0] != packed {
		return append(dst, form...)
	}
	dst = append(dst, usualStart...)
	dst = hex.AppendEncode(dst, []byte(form[1:1+sha256.Size]))
	dst = append(dst, usualEnd...)
	return append(append(dst, form[1+sha256.Size:]...), '}')
}

// entries yields the paths and descriptions of an artifact request. They are
// parts of text, which is the body of a record that was checked.
func entries(text string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for len(text) > 0 {
			var path, form string
			path, text = cutText(text)
			form, text = cutText(text)
			if !yield(path, form) {
				return
			}
		}
	}
}

// cutText takes a text with its length in front.
func cutText(text string) (first, rest string) {
	n, i := 0, 0
	for ; text[i] >= 0x80; i++ {
		n |= int(text[i]&0x7f) << (7 * i)
	}
	n |= int(text[i]) << (7 * i)
	text = text[i+1:]
	return text[:n], text[n:]
}
