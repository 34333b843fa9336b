package rules

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxPath bounds the path of an artifact, in bytes: longer ones fit in no URL
// that servers take.
const maxPath = 4096

// Path says what is wrong with an artifact's path, or nothing: what passes can
// be found, and downloaded from a plain web server, by the clients that
// docs/clients.md lists.
func Path(path string) string {
	switch {
	case path == "":
		return "a path can't be empty"
	case len(path) > maxPath:
		return fmt.Sprintf("a path can't be longer than %d bytes", maxPath)
	case path[0] == '/':
		return "a path is relative: it can't start with /"
	case strings.HasPrefix(path, "\ufeff"):
		return "a path can't start with a byte order mark: save the list without it"
	}
	start := 0 // of the current part
	ascii := true
	for i := 0; i <= len(path); i++ {
		if i < len(path) {
			switch c := path[i]; {
			case c == 0:
				return "a path can't hold a NUL character"
			case c < ' ' || c == 0x7f:
				return "a path can't hold a control character"
			case c == '\\':
				return `a path can't hold a \: tuf-js and Windows read it otherwise; write /`
			case c >= utf8.RuneSelf:
				ascii = false
			}
			if path[i] != '/' {
				continue
			}
		}
		switch path[start:i] {
		case "":
			return "a path can't end in / or hold //: web servers take that for another name"
		case ".":
			return "a path can't hold . between slashes: web servers take that for another name"
		case "..":
			return "a path can't hold .. between slashes"
		}
		start = i + 1
	}
	if !ascii && !utf8.ValidString(path) {
		return NotUTF8
	}
	return ""
}

// NotUTF8: JSON would put other characters in the place of some bytes, and so
// name another path.
const NotUTF8 = "a path must be valid UTF-8"

// digestLength is the hex length of the digests that clients of TUF know.
var digestLength = map[string]int{
	"sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128,
	"sha3-224": 56, "sha3-256": 64, "sha3-384": 96, "sha3-512": 128,
	"blake2b": 128, "blake2b-256": 64, "blake2b-384": 96, "blake2b-512": 128, "blake2s": 64, "blake2s-256": 64,
	"sha1": 40, "md5": 32,
}

// KnownHash tells whether python-tuf knows a hash by this name.
func KnownHash(algorithm string) bool { return digestLength[algorithm] != 0 }

// safe are the algorithms of which an artifact needs one: the others no client
// checks that is supported, or they can be forged.
var safe = []string{"sha256", "sha512", "blake2b-256"}

// Digest says what is wrong with a digest, or nothing.
func Digest(algorithm, digest string) string {
	want, known := digestLength[algorithm]
	switch {
	case !known:
		return fmt.Sprintf("%.40q is no hash that clients know, and one that they do not know makes the artifact unusable for python-tuf: use sha256", algorithm)
	case !IsLowerHex(digest):
		return "a digest must be lower-case hex"
	case len(digest) != want:
		return fmt.Sprintf("a %s digest has %d hex digits, not %d", algorithm, want, len(digest))
	}
	return ""
}

// Hashes says what is wrong with an artifact's hashes as a whole, or nothing.
func Hashes(hashes map[string]string) string {
	if len(hashes) == 0 {
		return "at least one hash is required: without one the artifact could never be published"
	}
	if !slices.ContainsFunc(safe, func(algorithm string) bool { return hashes[algorithm] != "" }) {
		return "one of sha256, sha512 and blake2b-256 is required: clients check no other"
	}
	return ""
}

// IsLowerHex tells whether a text is lower-case hex, and not empty.
func IsLowerHex(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return text != ""
}

// Length says what is wrong with an artifact's length, or nothing.
func Length(n int64) string {
	switch {
	case n < 0:
		return "a length can't be negative"
	case n > maxInteger:
		return tooLarge
	}
	return ""
}

const (
	maxInteger = 1<<53 - 1
	tooLarge   = "an integer beyond 2^53-1 makes its whole role unreadable for tuf-js, and one beyond 64 bits for go-tuf: write it as a text"
)

// Custom says what is wrong with an artifact's custom data in canonical form, or
// nothing: values that some client's JSON gives back otherwise spoil the
// signature of the whole role for it.
func Custom(form string) string {
	wide := byte(0) // characters that sort otherwise by UTF-16
	for i := 0; i < len(form); i++ {
		switch c := form[i]; {
		case c == '"':
			for i++; i < len(form) && form[i] != '"'; i++ {
				if form[i] == '\\' {
					i++
				}
				if i < len(form) && form[i] >= 0xee {
					wide |= 1 << min(form[i]-0xee, 2)
				}
			}
		case c == '-' || c >= '0' && c <= '9':
			end := i + 1
			for end < len(form) && form[end] >= '0' && form[end] <= '9' {
				end++
			}
			if msg := integer(form[i:end]); msg != "" {
				return msg
			}
			i = end - 1
		}
	}
	if wide&4 != 0 && wide&3 != 0 && !sortsAlike(form) {
		return "two names of fields sort otherwise by code point and by UTF-16, as tuf-js sorts them, which makes the whole role unreadable for it: rename one"
	}
	return ""
}

func integer(digits string) string {
	if digits == "-0" {
		return "-0 is written as 0 by some clients, which makes the whole role unreadable for them"
	}
	digits = strings.TrimPrefix(digits, "-")
	const most = "9007199254740991"
	if len(digits) > len(most) || len(digits) == len(most) && digits > most {
		return tooLarge
	}
	return ""
}

// sortsAlike tells whether the names in every object have the same order by code
// point and by UTF-16.
func sortsAlike(form string) bool {
	decoder := json.NewDecoder(strings.NewReader(form))
	decoder.UseNumber()
	var last []string // of each open object, its last name; "" stands for lists
	var isObject []bool
	name := false // the next text is a name
	for {
		token, err := decoder.Token()
		if err != nil {
			return err == io.EOF
		}
		switch token := token.(type) {
		case json.Delim:
			switch token {
			case '{', '[':
				last, isObject = append(last, ""), append(isObject, token == '{')
				name = token == '{'
				continue
			}
			last, isObject = last[:len(last)-1], isObject[:len(isObject)-1]
		case string:
			if name {
				before := last[len(last)-1]
				if before != "" && slices.Compare(utf16.Encode([]rune(before)), utf16.Encode([]rune(token))) > 0 {
					return false
				}
				last[len(last)-1] = token
				name = false
				continue
			}
		}
		name = len(isObject) > 0 && isObject[len(isObject)-1]
	}
}
