package quote

import (
	"fmt"
	"io"
	"slices"
	"unicode"
)

// Ours is text for [Sprintf] that stands as it is: it is the program's own, or
// made line by line with [Line] and [Word]. It may have several lines, and the
// codes of a terminal's colours.
type Ours string

// Sprintf formats like [fmt.Sprintf]. What an argument comes to, whatever its
// type, stands as [Line] writes it: it can't begin a line, nor steer a terminal.
// The format itself and arguments of type [Ours] stand as they are. The verbs
// %T and %p, and a * for a width, are of no use here.
func Sprintf(format string, args ...any) string {
	if false {
		_ = fmt.Sprintf(format, args...) // has go vet check the calls
	}
	safe := slices.Clone(args)
	for i, arg := range safe {
		if _, ours := arg.(Ours); !ours {
			safe[i] = foreign{arg}
		}
	}
	return fmt.Sprintf(format, safe...)
}

// foreign is an argument that is quoted once it is text.
type foreign struct{ arg any }

func (a foreign) Format(f fmt.State, verb rune) {
	_, _ = io.WriteString(f, Line(fmt.Sprintf(fmt.FormatString(f, verb), a.arg)))
}

// Shown tells whether a terminal just shows a character: it takes a place on
// the line, and does not move the cursor or reorder what is around it.
func Shown(r rune) bool { return unicode.IsPrint(r) }
