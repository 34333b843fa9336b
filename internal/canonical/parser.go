package canonical

import (
	"bytes"
	"fmt"

	"example.org/rstuf/internal/quote"
)

// maxText is the most that a position in the text or in its canonical form can
// be; no canonical form is longer than the text.
const maxText = 1<<31 - 1

// Parser reads a JSON text piece by piece. Each method reads at the current
// position; after an error a parser is of no further use.
type Parser struct {
	in      []byte
	pos     int
	start   int // of the value that was read last
	depth   int
	floats  bool
	members []member // a stack: the members of all objects that are open
	scratch []byte   // for sortMembers
	unused  []byte   // for Raw
	name    []byte   // for key
}

// NewParser returns a parser at the start of a JSON text. The text must not
// change while the parser is in use.
func NewParser(jsonText []byte) *Parser {
	return &Parser{in: jsonText}
}

// AllowFloats lets [Parser.Value] pass numbers that are not integers, as they
// stand. There is no canonical form for them, so this is for text that is
// carried but not signed.
func (p *Parser) AllowFloats(allow bool) { p.floats = allow }

// End reports anything but white space after the current position.
func (p *Parser) End() error {
	if p.peek(); p.pos < len(p.in) {
		return p.errorf("text after the end of the JSON value")
	}
	return nil
}

// Value reads one value and appends its canonical form to dst.
func (p *Parser) Value(dst []byte) ([]byte, error) {
	return p.outermost(dst, nil)
}

// Raw reads one value and returns it as it stands in the text.
func (p *Parser) Raw() ([]byte, error) {
	var err error
	if p.unused, err = p.outermost(p.unused[:0], nil); err != nil {
		return nil, err
	}
	return p.Last(), nil
}

// Last is the value that was read last, as it stands in the text.
func (p *Parser) Last() []byte { return p.in[p.start:p.pos] }

// Members reads an object, appends its canonical form to dst, and calls
// visit with the name and the canonical form of each member, in the order of
// the text. Both are valid until visit returns.
func (p *Parser) Members(dst []byte, visit func(key, form []byte)) ([]byte, error) {
	if p.peek() != '{' {
		return nil, p.unexpected("an object")
	}
	return p.outermost(dst, visit)
}

// Pos is the current position in the text: behind what was read last.
func (p *Parser) Pos() int { return p.pos }

// Array reads an array and calls element at each of its values; element reads
// that value.
func (p *Parser) Array(element func() error) error {
	if err := p.open('[', "an array"); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := p.more(']', first)
		if err != nil || !more {
			return err
		}
		if err := element(); err != nil {
			return err
		}
	}
}

func (p *Parser) outermost(dst []byte, visit func(key, form []byte)) ([]byte, error) {
	p.peek()
	if len(dst)+len(p.in) > maxText {
		return nil, p.errorf("the text is too long")
	}
	start := p.pos
	dst, err := p.value(dst, visit)
	p.start = start
	return dst, err
}

func (p *Parser) value(dst []byte, visit func(key, form []byte)) ([]byte, error) {
	switch c := p.peek(); {
	case c == '{':
		return p.object(dst, visit)
	case c == '[':
		return p.array(dst)
	case c == '"':
		dst, _, err := p.text(dst)
		return dst, err
	case c == 't':
		return p.literal(dst, "true")
	case c == 'f':
		return p.literal(dst, "false")
	case c == 'n':
		return p.literal(dst, "null")
	case c == '-' || '0' <= c && c <= '9':
		return p.number(dst)
	}
	return nil, p.unexpected("a value")
}

// Object reads an object and calls member at the value of each member, in
// the order of the text; member reads that value. It does not look for
// duplicate keys; [Parser.Value] does.
func (p *Parser) Object(member func(key []byte) error) error {
	if err := p.open('{', "an object"); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := p.more('}', first)
		if err != nil || !more {
			return err
		}
		key, err := p.key()
		if err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
	}
}

// key reads a member's name and the colon behind it.
func (p *Parser) key() ([]byte, error) {
	if p.peek() != '"' {
		return nil, p.unexpected("a string as the name of a field")
	}
	form, key, err := p.text(p.name[:0])
	if err != nil {
		return nil, err
	}
	p.name = form
	return key, p.colon()
}

func (p *Parser) colon() error {
	if p.peek() != ':' {
		return p.unexpected("a colon")
	}
	p.pos++
	return nil
}

func (p *Parser) object(dst []byte, visit func(key, form []byte)) ([]byte, error) {
	begin := p.pos
	if err := p.open('{', "an object"); err != nil {
		return nil, err
	}
	dst = append(dst, '{')
	base := len(p.members)
	for first := true; ; first = false {
		more, err := p.more('}', first)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if !first {
			dst = append(dst, ',')
		}
		if p.peek() != '"' {
			return nil, p.unexpected("a string as the name of a field")
		}
		m := member{start: uint32(len(dst))}
		var key []byte
		if dst, key, err = p.text(dst); err != nil {
			return nil, err
		}
		m.keyEnd = uint32(len(dst))
		if err = p.colon(); err != nil {
			return nil, err
		}
		if dst, err = p.value(append(dst, ':'), nil); err != nil {
			return nil, err
		}
		m.end = uint32(len(dst))
		if visit != nil {
			visit(key, dst[m.keyEnd+1:])
		}
		p.members = append(p.members, m)
	}
	if key := p.sortMembers(dst, p.members[base:]); key != nil {
		return nil, p.errorAt(begin, "the object names the field %q twice", quote.Cut(string(key), maxShown))
	}
	p.members = p.members[:base]
	return append(dst, '}'), nil
}

func (p *Parser) array(dst []byte) ([]byte, error) {
	if err := p.open('[', "an array"); err != nil {
		return nil, err
	}
	dst = append(dst, '[')
	for first := true; ; first = false {
		more, err := p.more(']', first)
		if err != nil {
			return nil, err
		}
		if !more {
			return append(dst, ']'), nil
		}
		if !first {
			dst = append(dst, ',')
		}
		if dst, err = p.value(dst, nil); err != nil {
			return nil, err
		}
	}
}

// open enters an object or an array.
func (p *Parser) open(bracket byte, what string) error {
	if p.peek() != bracket {
		return p.unexpected(what)
	}
	if p.depth++; p.depth > MaxDepth {
		return p.errorf("nested more than %d levels deep", MaxDepth)
	}
	p.pos++
	return nil
}

// more goes to the next member or element, or out of the object or array.
func (p *Parser) more(bracket byte, first bool) (bool, error) {
	c := p.peek()
	switch {
	case c == bracket:
		p.pos++
		p.depth--
		return false, nil
	case first:
		return true, nil
	case c == ',':
		p.pos++
		return true, nil
	}
	return false, p.unexpected(fmt.Sprintf("a comma or %q", bracket))
}

func (p *Parser) literal(dst []byte, word string) ([]byte, error) {
	if !bytes.HasPrefix(p.in[p.pos:], []byte(word)) {
		return nil, p.unexpected("a value")
	}
	p.pos += len(word)
	return append(dst, word...), nil
}

func (p *Parser) number(dst []byte) ([]byte, error) {
	start := p.pos
	if p.in[p.pos] == '-' {
		p.pos++
	}
	digits := p.digits()
	switch {
	case digits == 0:
		return nil, p.unexpected("a digit")
	case digits > 1 && p.in[p.pos-digits] == '0':
		return nil, p.errorAt(start, "a number starts with a superfluous 0")
	}
	integer := p.pos
	if p.pos < len(p.in) && p.in[p.pos] == '.' {
		p.pos++
		if p.digits() == 0 {
			return nil, p.unexpected("a digit")
		}
	}
	if p.pos < len(p.in) && (p.in[p.pos] == 'e' || p.in[p.pos] == 'E') {
		p.pos++
		if p.pos < len(p.in) && (p.in[p.pos] == '+' || p.in[p.pos] == '-') {
			p.pos++
		}
		if p.digits() == 0 {
			return nil, p.unexpected("a digit")
		}
	}
	text := p.in[start:p.pos]
	if p.pos > integer && !p.floats {
		return nil, p.errorAt(start, "the number %s is not an integer: canonical JSON has no floats", quote.Cut(string(text), maxShown))
	}
	if string(text) == "-0" {
		text = text[1:]
	}
	return append(dst, text...), nil
}

// digits skips digits and returns how many there were.
func (p *Parser) digits() int {
	start := p.pos
	for p.pos < len(p.in) && '0' <= p.in[p.pos] && p.in[p.pos] <= '9' {
		p.pos++
	}
	return p.pos - start
}

// peek skips white space and returns the byte there, 0 at the end.
func (p *Parser) peek() byte {
	for ; p.pos < len(p.in); p.pos++ {
		switch c := p.in[p.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (p *Parser) unexpected(wanted string) error {
	if p.pos >= len(p.in) {
		return p.errorf("the text ends where %s should be", wanted)
	}
	return p.errorf("%q where %s should be", p.in[p.pos], wanted)
}

func (p *Parser) errorf(format string, args ...any) error {
	return p.errorAt(p.pos, format, args...)
}

func (p *Parser) errorAt(offset int, format string, args ...any) error {
	before := p.in[:min(offset, len(p.in))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Errorf("line %d, column %d: %w", line, column, fmt.Errorf(format, args...))
}

// maxShown bounds, in bytes, what an error repeats of the text.
const maxShown = 60
