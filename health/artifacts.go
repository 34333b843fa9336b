package health

import (
	"maps"
	"slices"
	"strings"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/metadata"
)

// oddArtifacts are those with the same hashes, which some clients have no use of.
type oddArtifacts struct {
	count       int
	first, role string
	clients     []string
}

// mostOdd is how many kinds of such artifacts are told apart.
const mostOdd = 20

// hidden is the kind of those that tuf-js does not find.
const hidden = "\x00hidden"

func (x *examination) examineArtifact(by, role, path string, file metadata.TargetFile) {
	if lost := x.verdicts.artifact(by, role, file); len(lost) > 0 {
		kind := strings.Join(slices.Sorted(maps.Keys(file.Hashes)), ", ") + ": " + strings.Join(lost, ", ")
		x.noteOdd(kind, role, path, lost)
	}
	if rules.HiddenFromTUFJS(x.custom[edge{by, role}].Paths, path) {
		for i, c := range tufClients {
			if c.name == tufJS {
				x.verdicts.add(i, ReadsPart, role, "it does not find a part of a path that begins with a dot by a wildcard")
			}
		}
		x.noteOdd(hidden, role, path, []string{tufJS})
	}
}

func (x *examination) noteOdd(kind, role, path string, clients []string) {
	odd := x.odd[kind]
	if odd == nil {
		if len(x.odd) >= mostOdd {
			return
		}
		odd = &oddArtifacts{first: path, role: role, clients: clients}
		x.odd[kind] = odd
	}
	odd.count++
}

// finishArtifacts tells of the artifacts that clients have no use of.
func (x *examination) finishArtifacts() {
	for _, kind := range slices.Sorted(maps.Keys(x.odd)) {
		odd := x.odd[kind]
		if !slices.ContainsFunc(odd.clients, x.policy.wants) {
			continue
		}
		clients, such := strings.Join(odd.clients, ", "), quote.Word(quote.Cut(odd.first, most))
		hashes, _, _ := strings.Cut(kind, ": ")
		switch {
		case kind == hidden:
			x.find(artifactsHidden, finding{}, "%d of them have a dot where only a wildcard of their role's pattern stands: %s does not find them, such as %s of %s", odd.count, clients, such, quote.Word(cut(odd.role)))
		case !strings.Contains(hashes, "sha256") && !strings.Contains(hashes, "sha512"):
			x.find(artifactsHashes, finding{}, "%d of them have neither sha256 nor sha512: %s can't verify them, such as %s of %s", odd.count, clients, such, quote.Word(cut(odd.role)))
		default:
			x.find(artifactsHashes, finding{}, "%d of them have the hashes %s: %s can't verify them, such as %s of %s", odd.count, quote.Line(cut(hashes)), clients, such, quote.Word(cut(odd.role)))
		}
	}
}
