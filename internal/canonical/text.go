package canonical

import (
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string, appends its canonical form to dst, and returns it
// decoded too. The decoded string may share memory with the input.
func (p *Parser) text(dst []byte) (out, decoded []byte, err error) {
	start := p.pos + 1
	i, ascii := start, true
	for i < len(p.in) {
		c := p.in[i]
		if c == '"' {
			raw := p.in[start:i]
			if !ascii && !utf8.Valid(raw) {
				return nil, nil, p.errorf("a string is not valid UTF-8")
			}
			p.pos = i + 1
			return append(dst, p.in[start-1:i+1]...), raw, nil
		}
		if c == '\\' || c < ' ' {
			break
		}
		ascii = ascii && c < utf8.RuneSelf
		i++
	}
	if decoded, err = p.escaped(start, i); err != nil {
		return nil, nil, err
	}
	return AppendString(dst, string(decoded)), decoded, nil
}

// escaped decodes the string that begins at start and has its first escape,
// or whatever may not be in a string, at i.
func (p *Parser) escaped(start, i int) ([]byte, error) {
	begin := p.pos
	decoded := append([]byte(nil), p.in[start:i]...)
	for i < len(p.in) {
		c := p.in[i]
		switch {
		case c == '"':
			if !utf8.Valid(decoded) {
				return nil, p.errorf("a string is not valid UTF-8")
			}
			p.pos = i + 1
			return decoded, nil
		case c < ' ':
			p.pos = i
			return nil, p.errorf("a control character in a string must be escaped")
		case c != '\\':
			decoded = append(decoded, c)
			i++
			continue
		}
		r, size := escape(p.in[i:])
		if size == 0 {
			p.pos = i
			return nil, p.errorf("a wrong escape in a string")
		}
		decoded = utf8.AppendRune(decoded, r)
		i += size
	}
	return nil, p.errorAt(begin, "the text ends inside the string that starts here")
}

// escape decodes the escape at the start of in and returns its length, 0 if
// it is none. Half of a surrogate pair is none: no UTF-8 exists for it.
func escape(in []byte) (r rune, size int) {
	if len(in) < 2 {
		return 0, 0
	}
	switch in[1] {
	case '"', '\\', '/':
		return rune(in[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r, ok := unicodeEscape(in)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := unicodeEscape(in[6:])
	if !ok {
		return 0, 0
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

// unicodeEscape decodes `\uXXXX`.
func unicodeEscape(in []byte) (r rune, ok bool) {
	if len(in) < 6 || in[0] != '\\' || in[1] != 'u' {
		return 0, false
	}
	for _, c := range in[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
