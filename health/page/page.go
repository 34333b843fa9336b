package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the template and the style
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"time"

	"example.org/rstuf/health"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/repository"
)

// Options say what the page shows beside the report.
type Options struct {
	// Title is the heading; "Repository" by default.
	Title string
	// Trust says in words what was trusted to begin with, such as "the root in
	// root.json". Default: the page does not say it.
	Trust string
}

var (
	//go:embed style.css
	style string
	//go:embed page.html
	text string
	//go:embed login.html
	loginText string

	page = template.Must(template.New("page").Funcs(template.FuncMap{
		"line": func(v any) string { return quote.Line(fmt.Sprint(v)) }, "date": date, "percent": percent, "bytes": size, "count": quote.Count[int],
	}).Parse(text))
)

// contentPolicy lets a browser take nothing but the page and its style.
var contentPolicy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'"
}()

// Write writes the page of a report.
func Write(w io.Writer, report *health.Report, opts Options) error {
	if report == nil {
		return errors.New("make the page: there is no report: it is nil")
	}
	return write(w, newView(report, opts))
}

func write(w io.Writer, v view) error {
	var b bytes.Buffer // half a page is none
	if err := page.Execute(&b, v); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// view is what the template shows.
type view struct {
	*health.Report
	Options
	Style                   template.CSS
	Policy                  string
	Errors, Warnings, Infos int
	Next                    *health.Role // the role that ends first
	Tree                    tree
	Lives, RootLives        lives
	Amounts                 amounts
	Live                    bool
	Logout                  bool
	Ago                     health.Seconds
	Lookup                  *lookup
}

// lookup is what was found for a path that somebody asked for.
type lookup struct {
	Path  string
	Again string // the path, unless it holds what can't be seen
	Found *repository.Artifact
	// Custom is the custom data, as JSON that people can read.
	Custom string
	Why    string // it was not found
}

func newView(r *health.Report, opts Options) view {
	if opts.Title == "" {
		opts.Title = "Repository"
	}
	v := view{Report: r, Options: opts, Style: template.CSS(style), Policy: contentPolicy, Tree: newTree(r), Lives: newLives(r), RootLives: newRootLives(r), Amounts: newArtifacts(r)}
	for _, f := range r.Findings {
		switch f.Severity {
		case health.Error:
			v.Errors++
		case health.Warning:
			v.Warnings++
		default:
			v.Infos++
		}
	}
	for i := range r.Roles {
		if v.Next == nil || r.Roles[i].Left < v.Next.Left {
			v.Next = &r.Roles[i]
		}
	}
	if b := r.Bins; b != nil && b.Seen > 0 && (v.Next == nil || b.First.Left < v.Next.Left) {
		v.Next = &b.First
	}
	return v
}

// Verdict is the first thing that somebody sees.
func (v view) Verdict() string {
	switch {
	case v.Errors > 0:
		return "Something is wrong"
	case len(v.Pending) > 0:
		return "Signatures are awaited"
	case v.Warnings > 0:
		return "It works, and something should be done"
	}
	return "Nothing is wrong"
}

// mostCustom bounds what is shown of custom data, in bytes.
const mostCustom = 10_000

func newLookup(path string, found repository.Artifact, err error) *lookup {
	l := &lookup{Path: quote.Cut(path, 4096)}
	if quote.Line(path) == path {
		l.Again = l.Path
	}
	if err != nil {
		l.Why = quote.OneLine(err.Error(), 2000)
		return l
	}
	l.Found = &found
	if len(found.Custom) > 0 {
		var b bytes.Buffer
		if json.Indent(&b, found.Custom, "", "  ") == nil {
			l.Custom = visible(quote.Cut(b.String(), mostCustom))
		}
	}
	return l
}

// visible is text of several lines in which what can't be seen is written as an
// escape.
func visible(text string) string {
	var b bytes.Buffer
	for _, r := range text {
		if quote.Shown(r) || r == '\n' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func percent(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }

// size is a number of bytes in the largest unit.
func size(n any) (string, error) {
	var f float64
	switch n := n.(type) {
	case int:
		f = float64(n)
	case int64:
		f = float64(n)
	default:
		return "", fmt.Errorf("a size of type %T", n)
	}
	const k = 1000
	switch {
	case f < k:
		return fmt.Sprintf("%.0f B", f), nil
	case f < k*k:
		return fmt.Sprintf("%.1f kB", f/k), nil
	case f < k*k*k:
		return fmt.Sprintf("%.1f MB", f/k/k), nil
	}
	return fmt.Sprintf("%.1f GB", f/k/k/k), nil
}
