// Package canonical writes JSON in the canonical form that TUF signatures
// cover (TUF specification, section 4.2.2): OLPC's canonical JSON as
// securesystemslib writes it.
//
// Keys are sorted by code point, there is no white space, strings escape
// only the quotation mark and the backslash and hold every other character
// raw, control characters too. Integers may have any size; floats do not
// exist. Because of raw control characters the canonical form is not always
// JSON: see [JSON].
//
// Start with [Transform]; [Parser] is beneath it, for those who need pieces
// of a document and their canonical form at once. Input is never trusted:
// invalid UTF-8, lone surrogates, duplicate keys, floats, deep nesting and
// anything that is not exactly one JSON value are errors with line and
// column, never a guess.
package canonical

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// MaxDepth is how deep arrays and objects may be nested. TUF metadata needs
// about eight levels.
const MaxDepth = 100

// Transform returns the canonical form of a JSON text.
func Transform(jsonText []byte) ([]byte, error) {
	p := NewParser(jsonText)
	out, err := p.Value(make([]byte, 0, len(jsonText)))
	if err != nil {
		return nil, err
	}
	if err := p.End(); err != nil {
		return nil, err
	}
	return out, nil
}

// JSON turns canonical form into the same value as JSON, which may not hold
// control characters raw. Without control characters the result is the
// argument itself.
func JSON(canonical []byte) []byte {
	growth := Growth(canonical)
	if growth == 0 {
		return canonical
	}
	const hex = "0123456789abcdef"
	out := make([]byte, 0, len(canonical)+growth)
	for _, c := range canonical {
		if c < ' ' {
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			out = append(out, c)
		}
	}
	return out
}

// Growth is by how many bytes [JSON] makes a text longer.
func Growth[T string | []byte](text T) (bytes int) {
	for len(text) >= 8 && !anyControl(text[:8]) {
		text = text[8:]
	}
	for _, c := range []byte(text) {
		if c < ' ' {
			bytes += len(`\u0000`) - 1
		}
	}
	return bytes
}

// anyControl looks for a byte below 0x20 among eight: such a byte, and no
// other one that is below 0x80, borrows its top bit when 0x20 is taken from
// it. A byte that follows one may seem to be one too.
func anyControl[T string | []byte](text T) bool {
	const spaces, tops = 0x2020202020202020, 0x8080808080808080
	_ = text[7]
	x := uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
		uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
	return (x-spaces)&^x&tops != 0
}

// AppendString appends the canonical form of s, which must be valid UTF-8.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	if strings.IndexByte(s, '"') < 0 && strings.IndexByte(s, '\\') < 0 {
		dst = append(dst, s...)
		return append(dst, '"')
	}
	for i := range len(s) {
		if c := s[i]; c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

// member is one member of an object that is being written: where
// `"key":value` stands in the output. It is small and holds no pointer, for
// there may be millions.
type member struct {
	start, keyEnd, end uint32
}

// sortMembers puts the members of an object, written to out one after
// another with commas between them, into the order of their keys. It returns
// a key that two members share, as it is in out.
func (p *Parser) sortMembers(out []byte, members []member) (duplicate []byte) {
	key := func(m member) []byte { return out[m.start+1 : m.keyEnd-1] }
	byKey := func(a, b member) int { return compareKeys(key(a), key(b)) }
	sorted := slices.IsSortedFunc(members, byKey)
	if !sorted {
		slices.SortFunc(members, byKey)
	}
	for i := 1; i < len(members); i++ {
		if bytes.Equal(key(members[i-1]), key(members[i])) {
			return bytes.Clone(key(members[i]))
		}
	}
	if sorted {
		return nil
	}
	start := members[0].start
	for _, m := range members {
		start = min(start, m.start)
	}
	p.scratch = append(p.scratch[:0], out[start:]...)
	w := out[:start]
	for i, m := range members {
		if i > 0 {
			w = append(w, ',')
		}
		w = append(w, p.scratch[m.start-start:m.end-start]...)
	}
	return nil
}

// compareKeys compares strings in canonical form, without their quotation
// marks, by what they stand for: a backslash itself does not count.
func compareKeys(a, b []byte) int {
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return bytes.Compare(a, b)
	}
	for i, j := 0, 0; ; i, j = i+1, j+1 {
		if i < len(a) && a[i] == '\\' {
			i++
		}
		if j < len(b) && b[j] == '\\' {
			j++
		}
		switch {
		case i >= len(a) || j >= len(b):
			return cmp.Compare(len(a)-i, len(b)-j)
		case a[i] != b[j]:
			return cmp.Compare(a[i], b[j])
		}
	}
}
