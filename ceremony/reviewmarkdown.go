package ceremony

import (
	"fmt"
	"strings"
	"time"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
)

// Markdown is the review in Markdown, for a pull request or an issue: who has
// signed and who is missing come first. Whatever the document or its draft says
// stands in code spans, where it is neither a link nor a mention.
func (r Review) Markdown() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	list := func(title string, items []string) {
		if len(items) == 0 {
			return
		}
		line("\n**%s**\n", title)
		for _, item := range items[:min(len(items), maxLines)] {
			line("- %s", item)
		}
		if more := len(items) - maxLines; more > 0 {
			line("- and %d more: see the JSON form", more)
		}
	}
	line("### %s version %d, expires %s\n", code(r.Role), r.Version, r.Expires.Format(time.DateOnly))
	if r.Status.Complete() {
		line("All signatures are there.")
	} else {
		line("Signatures are missing.")
	}
	var who []string
	for _, set := range r.Status.sets() {
		for _, key := range set.Signed {
			who = append(who, "[x] "+code(key.String())+set.of)
		}
		if set.OK() {
			continue
		}
		for _, key := range set.Missing {
			who = append(who, "[ ] "+code(key.String())+set.of)
		}
		who = append(who, fmt.Sprintf("%s needed%s", quote.Count(set.Needed(), "more signature"), set.of))
	}
	list("Signatures", who)
	var items []string
	for _, warning := range r.Warnings {
		items = append(items, code(warning))
	}
	list("Warnings", items)
	items = nil
	for _, change := range r.Changes {
		items = append(items, code(change.String()))
	}
	list("Changes", items)
	items = nil
	for _, item := range r.Contents {
		items = append(items, code(item.Field+": "+item.Value))
	}
	list("Contents", items)
	items = nil
	for _, text := range r.Consequences {
		items = append(items, code(text))
	}
	list("What that means", items)
	line("\nRests on %s", code(r.RestsOn))
	line("\nFingerprint, the same for all who sign this: %s", code(spoken(r.Fingerprint)))
	return b.String()
}

// signers is one set of keys that must sign.
type signers struct {
	metadata.Verification
	of string // which, where there are two
}

func (s Status) sets() []signers {
	if s.RootBefore == nil {
		return []signers{{s.Document, ""}}
	}
	return []signers{{*s.RootBefore, ", for the root before"}, {s.Document, ", for this root"}}
}

// code is text in a code span, on one line and cut: it ends at no backtick that
// stands in it.
func code(text string) string {
	text = quote.Line(text)
	if len(text) > maxLine {
		text = fmt.Sprintf("%s and %d more bytes", quote.Cut(text, maxLine), len(text)-maxLine)
	}
	fence, run := "`", 0
	for _, r := range text {
		if r != '`' {
			run = 0
			continue
		}
		if run++; run >= len(fence) {
			fence = strings.Repeat("`", run+1)
		}
	}
	if text == "" || strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}
