package metadata

import (
	"bytes"
	"fmt"
	"iter"
	"strings"

	"example.org/rstuf"
)

// TargetFiles yields the path and the canonical description of each artifact
// of a targets document in the order of the paths, without decoding them.
// The description is valid as long as the document; it must not be changed.
// Its shape is not checked: see [Document.Targets].
func (d *Document) TargetFiles() (iter.Seq2[string, []byte], error) {
	if d.empty() {
		return nil, errEmptyDocument
	}
	if d.typ != rstuf.RoleTargets {
		return nil, fmt.Errorf("the document is of type %q, not %q", d.typ, rstuf.RoleTargets)
	}
	start, end := findMember(d.canonical, "targets")
	if start == end || d.canonical[start] != '{' {
		return nil, fmt.Errorf("read targets version %d: targets: must be an object", d.version)
	}
	return func(yield func(string, []byte) bool) {
		files := d.canonical[start:end]
		eachMember(files, func(name []byte, start, end int) bool {
			return yield(unescape(name), files[start:end:end])
		})
	}, nil
}

// The functions below read text that is in canonical form for sure.

// findMember returns where the value of an object's member stands; both are 0
// if there is none.
func findMember(form []byte, name string) (start, end int) {
	eachMember(form, func(key []byte, valueStart, valueEnd int) bool {
		if string(key) == name {
			start, end = valueStart, valueEnd
		}
		return end == 0
	})
	return start, end
}

// eachMember calls f with the members of an object, their names still escaped
// and where their values stand, until f returns false.
func eachMember(form []byte, f func(name []byte, start, end int) bool) {
	for i := 1; i < len(form) && form[i] != '}'; {
		name := i + 1
		i = skipValue(form, i) + 1 // the colon
		value := i
		i = skipValue(form, i)
		if !f(form[name:value-2], value, i) {
			return
		}
		if i < len(form) && form[i] == ',' {
			i++
		}
	}
}

// skipValue returns the position behind the value at i.
func skipValue(form []byte, i int) int {
	depth := 0
	for i < len(form) {
		switch form[i] {
		case '"':
			i = skipString(form, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':':
			i++
			continue // never at depth 0
		default:
			for i++; i < len(form) && strings.IndexByte(",]}", form[i]) < 0; i++ {
			}
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

func skipString(form []byte, i int) int {
	for i++; i < len(form); i++ {
		switch form[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return i
}

// unescape undoes canonical escapes: a backslash before a character stands for
// that character.
func unescape(form []byte) string {
	if bytes.IndexByte(form, '\\') < 0 {
		return string(form)
	}
	out := make([]byte, 0, len(form))
	for i := 0; i < len(form); i++ {
		if form[i] == '\\' {
			i++
		}
		out = append(out, form[i])
	}
	return string(out)
}
