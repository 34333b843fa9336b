package service

import (
	"bytes"
	"errors"
	"strings"
	"unsafe"

	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/rules"
)

// fastArtifacts reads the body of a request to add artifacts whose shape is
// the usual one: it brings the list to canonical form, in which everything has
// its place, and cuts that into pieces. It returns false for whatever is not
// as expected, wrong or merely rare; the general way then finds out which.
func fastArtifacts(body []byte, id taskID) (record, []string, bool) {
	var list []byte
	var publish, addID, seen = true, false, false
	p := canonical.NewParser(body)
	err := p.Object(func(key []byte) (err error) {
		switch string(key) {
		case "artifacts":
			if seen {
				return errUnusual
			}
			seen = true
			list, err = p.Value(make([]byte, 0, len(body)))
		case "publish_artifacts":
			publish, err = fastBool(p)
		case "add_task_id_to_custom":
			addID, err = fastBool(p)
		default:
			err = errUnusual
		}
		return err
	})
	if err != nil || !seen || p.End() != nil || bytes.IndexByte(list, '\\') >= 0 || bytes.IndexByte(list, 0) >= 0 {
		return nil, nil, false
	}
	// Nobody changes the list any more, and it may be large.
	text := unsafe.String(unsafe.SliceData(list), len(list))
	count := strings.Count(text, `"path":"`)
	r := append(make(record, 0, len(text)+8), newRecord(addArtifacts, !publish)...)
	paths := make([]string, 0, count)
	for text = text[1:]; text != "]"; {
		path, form, rest, ok := cutArtifact(text)
		if !ok {
			return nil, nil, false
		}
		if addID {
			rest, ok := strings.CutPrefix(form, `{"hashes":`)
			if !ok { // it has custom data already
				return nil, nil, false
			}
			form = `{"custom":{"added_by_task_id":"` + id.String() + `"},"hashes":` + rest
		}
		paths = append(paths, path)
		r = r.appendEntry(path, form)
		text = strings.TrimPrefix(rest, ",")
	}
	return r, paths, true
}

var errUnusual = errors.New("not as usual")

func fastBool(p *canonical.Parser) (bool, error) {
	raw, err := p.Raw()
	if err == nil && string(raw) != "true" && string(raw) != "false" {
		err = errUnusual
	}
	return string(raw) == "true", err
}

// cutArtifact takes one artifact off a canonical list without escapes:
// {"info":{"custom":…,"hashes":{…},"length":1},"path":"a"}.
func cutArtifact(text string) (path, form, rest string, ok bool) {
	start, ok := strings.CutPrefix(text, `{"info":`)
	if !ok {
		return "", "", "", false
	}
	rest = start[min(1, len(start)):]
	custom := ""
	if after, has := strings.CutPrefix(rest, `"custom":{`); has {
		if rest, ok = skipObject(after); !ok {
			return "", "", "", false
		}
		custom = after[:len(after)-len(rest)]
		if rest, ok = strings.CutPrefix(rest, ","); !ok {
			return "", "", "", false
		}
	}
	if rest, ok = cutHashes(rest); !ok {
		return "", "", "", false
	}
	rest, ok = strings.CutPrefix(rest, `,"length":`)
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	if !ok || digits == 0 || digits > 15 {
		return "", "", "", false
	}
	if rest, ok = strings.CutPrefix(rest[digits:], `},"path":"`); !ok {
		return "", "", "", false
	}
	form = start[:len(start)-len(rest)-len(`,"path":"`)]
	path, rest, ok = strings.Cut(rest, `"`)
	if !ok || rules.Path(path) != "" || custom != "" && rules.Custom(custom) != "" {
		return "", "", "", false
	}
	rest, ok = strings.CutPrefix(rest, "}")
	return path, form, rest, ok
}

// skipObject skips what is left of an object behind its first bracket.
func skipObject(text string) (rest string, ok bool) {
	inText := false
	for i, depth := 0, 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			inText = !inText
		case inText:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return text[i+1:], true
			}
		}
	}
	return "", false
}

// usualDigests are the hex lengths of the digests that are looked at here.
var usualDigests = map[string]int{"sha256": 64, "sha512": 128, "blake2b-256": 64}

// cutHashes takes the member "hashes" off, whose digests it checks.
func cutHashes(text string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(text, `"hashes":{"`)
	for ok {
		var name, digest string
		if name, rest, ok = strings.Cut(rest, `":"`); !ok {
			break
		}
		if digest, rest, ok = strings.Cut(rest, `"`); !ok || usualDigests[name] != len(digest) || !lowerHex(digest) {
			break
		}
		if rest, ok = strings.CutPrefix(rest, "}"); ok {
			return rest, true
		}
		rest, ok = strings.CutPrefix(rest, `,"`)
	}
	return "", false
}

func lowerHex(text string) bool {
	seen := byte(0)
	for i := range len(text) {
		seen |= hexDigit[text[i]]
	}
	return seen <= 15
}
