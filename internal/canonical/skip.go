package canonical

import "bytes"

// Skip passes by one value and returns it as it stands in the text. It looks
// for the value's end and at nothing else: it is for text that a parser has
// accepted before. On other text it stops somewhere, or with an error.
func (p *Parser) Skip() ([]byte, error) {
	p.peek()
	p.start = p.pos
	for depth := 0; p.pos < len(p.in); {
		switch p.in[p.pos] {
		case '"':
			if !p.skipText() {
				return nil, p.errorf("the text ends inside a string")
			}
		case '{', '[':
			p.pos++
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return nil, p.unexpected("a value")
			}
			p.pos++
			depth--
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return nil, p.unexpected("a value")
			}
			p.pos++
			continue
		default:
			p.skipWord()
		}
		if depth == 0 {
			return p.Last(), nil
		}
	}
	return nil, p.unexpected("a value")
}

// skipText passes by a string, and tells whether it ends.
func (p *Parser) skipText() bool {
	for i := p.pos + 1; i < len(p.in); {
		n := bytes.IndexByte(p.in[i:], '"')
		if n < 0 {
			break
		}
		if m := bytes.IndexByte(p.in[i:i+n], '\\'); m >= 0 {
			i += m + 2
			continue
		}
		p.pos = i + n + 1
		return true
	}
	p.pos = len(p.in)
	return false
}

// skipWord passes by a number, true, false or null.
func (p *Parser) skipWord() {
	for p.pos++; p.pos < len(p.in); p.pos++ {
		switch p.in[p.pos] {
		case ',', ':', '}', ']', ' ', '\t', '\n', '\r', '"', '{', '[':
			return
		}
	}
}
