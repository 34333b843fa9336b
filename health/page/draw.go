package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/health"
	"example.org/rstuf/internal/quote"
)

// The pictures are drawn for a telephone: width units across, whatever is shown.
const (
	width    = 340
	mostRows = 40 // of a picture
)

// tree is the picture of who vouches for whom.
type tree struct {
	Height int
	Boxes  []box
	More   int // roles that are not drawn
}

// box is one role, with the line that leads to it.
type box struct {
	X, Y, Width         int
	LineX, FromY, LineY int // a line down from FromY to LineY, and to the right
	Root                bool
	Name, Says, State   string
}

const (
	boxHeight = 38
	boxStep   = 48
	indent    = 18
)

func newTree(r *health.Report) tree {
	t := tree{More: r.UnlistedRoles}
	depths, rows := map[string]int{}, map[string]int{} // by name
	add := func(name, by, says, state string) {
		if len(t.Boxes) >= mostRows {
			t.More++
			return
		}
		row := len(t.Boxes)
		depth := min(depths[by]+1, 6)
		parent, known := rows[by]
		if row == 0 || !known {
			depth = 0
		}
		b := box{X: depth * indent, Y: 2 + row*boxStep, Name: short(name), Says: says, State: state, Root: depth == 0}
		b.Width = width - 2 - b.X
		if depth > 0 {
			b.LineX, b.FromY, b.LineY = b.X-indent/2, 2+parent*boxStep+boxHeight, b.Y+boxHeight/2
		}
		t.Boxes = append(t.Boxes, b)
		if _, known := rows[name]; !known {
			depths[name], rows[name] = depth, row
		}
	}
	for _, role := range r.Roles {
		if r.Bins == nil || role.By != rstuf.RoleTargets || r.Bins.Seen == 0 {
			add(role.Name, role.By, says(role), state(r, role.Name, role.Left))
		}
	}
	for _, f := range r.Findings {
		if f.Code == "role.unsigned" {
			add(f.Role, rstuf.RoleTargets, "waits for its first signatures", "soon")
		}
	}
	if b := r.Bins; b != nil {
		text := fmt.Sprintf("%s, %d seen", quote.Count(b.Count, "hash bin"), b.Seen)
		state := "well"
		if b.Seen > 0 {
			text += ", the first ends in " + b.First.Left.String()
			if state = stateOf(b.First.Left); b.Expired > 0 {
				state = "over"
			}
		}
		add(b.Prefix+" (all)", rstuf.RoleTargets, text, state)
	}
	t.Height = 4 + len(t.Boxes)*boxStep
	return t
}

// short is a name that fits into a picture.
func short(name string) string { return quote.Line(quote.Cut(name, 30)) }

// says is the line below a role's name.
func says(role health.Role) string {
	who := "people"
	if role.Online {
		who = "online key"
	}
	return fmt.Sprintf("%d of %s (%s), %s", role.Threshold, quote.Count(role.Keys, "key"), who, ends(role.Left))
}

func ends(left health.Seconds) string {
	if left <= 0 {
		return "over for " + (-left).String()
	}
	return "ends in " + left.String()
}

// newArtifacts draws how many artifacts each role lists and how many bytes they are,
// the most bytes first; the hash bins as one.
func newArtifacts(r *health.Report) amounts {
	a := amounts{}
	for _, role := range r.Roles {
		if role.Artifacts > 0 && (r.Bins == nil || role.By != rstuf.RoleTargets) {
			a.Bars = append(a.Bars, amount{Name: short(role.Name), Artifacts: role.Artifacts, Bytes: role.ArtifactBytes})
		}
	}
	if b := r.Bins; b != nil && b.Artifacts > 0 {
		a.Bars = append(a.Bars, amount{Name: short(b.Prefix + " (all)"), Artifacts: b.Artifacts, Bytes: b.ArtifactBytes})
	}
	slices.SortStableFunc(a.Bars, func(x, y amount) int {
		return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(y.Artifacts, x.Artifacts))
	})
	if a.More = max(0, len(a.Bars)-mostRows); a.More > 0 {
		a.Bars = a.Bars[:mostRows]
	}
	for i := range a.Bars {
		b := &a.Bars[i]
		b.TextY, b.Y, b.Length = i*barStep+13, i*barStep+18, 2
		if most := a.Bars[0].Bytes; most > 0 {
			b.Length = max(2, int(scaleX*float64(b.Bytes)/float64(most)))
		}
	}
	a.Height = len(a.Bars)*barStep + 4
	return a
}

// amounts is the picture of what the roles list: a bar for each role's bytes.
type amounts struct {
	Height, More int
	Bars         []amount
}

type amount struct {
	Y, TextY, Length int
	Name             string
	Artifacts        int
	Bytes            int64
}

// state is how a role is: "over", "soon" if there is a finding about its life, or
// "well".
func state(r *health.Report, name string, left health.Seconds) string {
	for _, f := range r.Findings {
		if f.Role == name && (f.Code == "role.soon" || f.Code == "role.forgotten") {
			return "soon"
		}
	}
	return stateOf(left)
}

func stateOf(left health.Seconds) string {
	if left <= 0 {
		return "over"
	}
	return "well"
}

// lives is the picture of what ends when: a bar for each role, on a scale on which
// an hour and a year can both be seen.
type lives struct {
	Height, Bottom int
	LabelY         int
	Bars           []bar
	Ticks          []tick
	More           int
}

// bar is the rest of a role's life, and behind it the whole of it, if that is
// known.
type bar struct {
	Y, TextY, Length, Whole int
	Name, Says, State       string
	left, life              health.Seconds
}

type tick struct {
	X    int
	Name string
}

const (
	barStep = 34
	scaleX  = width - 4
)

// at is where a time from now stands on the scale.
func at(left, most health.Seconds) int {
	const hour = 60 * 60
	if left <= 0 {
		return 0
	}
	return int(math.Round(scaleX * math.Log1p(float64(left)/hour) / math.Log1p(float64(most)/hour)))
}

func newLives(r *health.Report) lives {
	l := lives{More: r.UnlistedRoles}
	for _, role := range r.Roles {
		if r.Bins != nil && role.By == rstuf.RoleTargets && r.Bins.Seen > 0 {
			continue
		}
		l.add(role.Name, role.Left, role.Life, state(r, role.Name, role.Left))
	}
	if b := r.Bins; b != nil && b.Seen > 0 {
		l.add(b.First.Name+" (first bin)", b.First.Left, b.First.Life, state(r, b.First.Name, b.First.Left))
	}
	return l.scaled()
}

// newRootLives draws the ends of the roots, the newest first.
func newRootLives(r *health.Report) lives {
	l := lives{}
	for i, root := range slices.Backward(r.Roots) {
		left := health.Seconds(root.Expires.Sub(r.At) / time.Second)
		state := stateOf(left)
		if i < len(r.Roots)-1 {
			state = "past" // another one has followed
		}
		l.add(fmt.Sprintf("version %d", root.Version), left, 0, state)
	}
	return l.scaled()
}

// add draws a bar, as long as there is room.
func (l *lives) add(name string, left, life health.Seconds, state string) {
	if len(l.Bars) == mostRows {
		l.More++
		return
	}
	y := len(l.Bars) * barStep
	l.Bars = append(l.Bars, bar{Y: y + 18, TextY: y + 13, left: left, life: life, Name: short(name), Says: ends(left), State: state})
}

// scaled has the bars as long as the longest asks for.
func (l lives) scaled() lives {
	most := health.Seconds(2 * 60 * 60)
	for _, b := range l.Bars {
		most = max(most, b.left, b.life)
	}
	for i, b := range l.Bars {
		l.Bars[i].Length, l.Bars[i].Whole = max(at(b.left, most), 2), at(b.life, most)
	}
	bottom := len(l.Bars)*barStep + 4
	l.Bottom, l.LabelY, l.Height = bottom, bottom+14, bottom+20
	for _, t := range []struct {
		after time.Duration
		name  string
	}{{time.Hour, "1 h"}, {24 * time.Hour, "1 day"}, {7 * 24 * time.Hour, "1 week"}, {30 * 24 * time.Hour, "30 days"}, {365 * 24 * time.Hour, "1 year"}} {
		if after := health.Seconds(t.after / time.Second); after <= most {
			l.Ticks = append(l.Ticks, tick{at(after, most), t.name})
		}
	}
	return l
}
