package rstuf_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "example.org/rstuf"

// A floor is what one package may import beside the standard library.
type floor struct {
	// ours are packages of this module, "." is its root.
	ours []string
	// theirs are other modules: those that the package imports and those that
	// these bring along, so that nothing is linked that does not stand here. Of a
	// package in a module of its own they are those alone that it imports: what
	// these bring along stands in its go.mod.
	theirs []string
}

// floors has an entry for every package of this module and of the modules in its
// folders, by its folder. What does not stand here is refused. To let a package
// import something, add it to the package's entry; for a new package add an
// entry, and a line to the table in docs/architecture.md. An arrow must point down: think twice before an
// entry gains a package that stands further down in the list.
var floors = map[string]floor{
	"internal/quote":                       {},
	"internal/digest":                      {theirs: []string{"golang.org/x/crypto", "golang.org/x/sys"}},
	"internal/child":                       {},
	"internal/testdir":                     {},
	"internal/kmstest":                     {},
	"internal/softhsm":                     {},
	"internal/testpipes":                   {},
	"internal/race":                        {},
	"internal/rules":                       {},
	"internal/origin":                      {},
	"internal/durable":                     {theirs: []string{"golang.org/x/sys"}},
	"internal/shape":                       {ours: []string{"internal/canonical"}},
	"internal/shape/requests":              {ours: []string{"internal/rules", "internal/shape"}},
	"internal/transport":                   {theirs: retryable},
	"rstuf/internal/terminal":              {ours: []string{"internal/quote"}, theirs: slices.Concat(table, []string{"golang.org/x/term", "golang.org/x/sys", "golang.org/x/text"})},
	"rstuf/internal/terminal/terminaltest": {theirs: []string{"golang.org/x/sys"}},
	"internal/canonical":                   {ours: []string{"internal/quote"}},
	".":                                    {ours: []string{"internal/canonical", "internal/quote", "internal/rules", "internal/shape", "internal/shape/requests"}},
	"internal/wire":                        {ours: []string{".", "internal/quote"}},
	"internal/files":                       {ours: []string{"internal/canonical", "internal/durable", "internal/quote"}},
	"client":                               {ours: []string{".", "internal/canonical", "internal/digest", "internal/files", "internal/quote", "internal/transport", "internal/wire"}, theirs: []string{"golang.org/x/sync"}},
	"keys":                                 {ours: []string{".", "internal/canonical", "internal/files", "internal/quote"}, theirs: []string{"filippo.io/mldsa", "github.com/secure-systems-lab/go-securesystemslib", "golang.org/x/crypto"}},
	"rstuf/internal/config":                {ours: []string{"internal/files", "internal/quote"}, theirs: []string{"go.yaml.in/yaml/v3"}},
	"keys/kms":                             {ours: []string{".", "keys"}, theirs: sigstore},
	"keys/vault":                           {ours: []string{".", "internal/quote", "keys"}},
	"keys/dsse":                            {ours: []string{"keys"}, theirs: []string{"github.com/secure-systems-lab/go-securesystemslib"}},
	"keys/exec":                            {ours: []string{".", "internal/files", "internal/quote", "keys"}},
	"metadata":                             {ours: []string{".", "internal/canonical", "internal/quote", "internal/rules", "keys"}},
	"repository":                           {ours: []string{".", "internal/canonical", "internal/digest", "internal/durable", "internal/files", "internal/quote", "internal/transport", "keys", "metadata"}, theirs: []string{"golang.org/x/sync", "golang.org/x/sys"}},
	"bootstrap/firstgen":                   {ours: []string{".", "internal/shape", "internal/shape/requests"}},
	"bootstrap":                            {ours: []string{".", "bootstrap/firstgen", "internal/files", "internal/wire", "keys", "metadata"}},
	"ceremony":                             {ours: []string{".", "bootstrap/firstgen", "internal/files", "internal/quote", "keys", "metadata", "internal/rules"}, theirs: []string{"go.yaml.in/yaml/v3"}},
	"health/event":                         {ours: []string{"internal/quote", "metadata"}},
	"health":                               {ours: []string{".", "ceremony", "client", "health/event", "internal/canonical", "internal/quote", "internal/rules", "internal/wire", "keys", "metadata", "repository"}},
	"health/page":                          {ours: []string{"health", "internal/quote", "repository", "."}},
	"service/internal/boltcheck":           {},
	"service":                              {ours: []string{".", "repository", "bootstrap/firstgen", "health/event", "internal/shape", "internal/shape/requests", "internal/wire", "internal/canonical", "internal/durable", "internal/origin", "internal/quote", "keys", "metadata", "service/internal/boltcheck", "internal/rules"}, theirs: []string{"go.etcd.io/bbolt", "golang.org/x/sync", "golang.org/x/sys"}},
	"internal/tuftest":                     {ours: []string{".", "keys", "metadata", "repository"}},
	"service/postgres":                     {ours: []string{"internal/quote", "service"}, theirs: slices.Concat(pgx, []string{"github.com/jackc/puddle/v2"})},
	"rstuf/internal/cmd": {
		ours: []string{
			".", "bootstrap", "ceremony", "client", "health", "health/page", "internal/files", "internal/origin", "keys", "keys/exec", "keys/vault", "metadata",
			"internal/quote", "internal/rules", "internal/transport", "internal/wire", "repository", "rstuf/internal/config", "rstuf/internal/terminal", "service", "service/postgres",
		},
		theirs: slices.Concat(pgx, table, []string{"github.com/spf13/cobra", "github.com/spf13/pflag"}),
	},
	"rstuf":                     {ours: []string{"rstuf/internal/cmd"}},
	"rstuf/internal/scripttest": {ours: []string{"keys", "keys/exec", "service"}, theirs: []string{"github.com/rogpeppe/go-internal", "golang.org/x/mod", "golang.org/x/tools"}},
	"internal/sharedtest":       {ours: []string{"service"}},
	"rstuftest":                 {ours: []string{".", "ceremony", "client", "internal/testpipes", "internal/wire", "keys", "metadata", "repository", "service"}},
	"gotuf":                     {ours: []string{"internal/transport", "keys", "metadata", "repository"}, theirs: slices.Concat(sigstore, gotuf)},
	"service/soak/mutate":       {},
	"service/soak":              {ours: []string{".", "internal/child", "internal/wire", "keys", "metadata", "repository", "service", "internal/tuftest"}},
	"examples/download":         {ours: []string{"repository"}},
	"examples/publish":          {ours: []string{"client"}, theirs: []string{"golang.org/x/term", "golang.org/x/sys"}},
	"examples/testharness":      {ours: []string{"repository"}},
	"examples/watch":            {ours: []string{".", "client"}},
	"examples/renew":            {ours: []string{"ceremony", "client", "keys", "metadata", "repository"}},
	"examples/update":           {ours: []string{"repository"}},
	"examples/release":          {ours: []string{".", "client", "repository"}},
	"examples/bulk":             {ours: []string{".", "bootstrap", "ceremony", "client", "internal/child", "keys", "repository", "service"}},
	"examples/ceremony":         {ours: []string{"bootstrap", "ceremony", "client", "keys"}},
	"examples/embed":            {ours: []string{".", "bootstrap", "ceremony", "client", "keys", "service"}},
	"examples/quickstart":       {ours: []string{".", "bootstrap", "ceremony", "client", "keys", "repository", "service"}},
	"examples/rotate":           {ours: []string{".", "ceremony", "client", "keys", "metadata"}},
	"examples/serve":            {ours: []string{"keys", "service"}},
	"examples/exec-signer":      {ours: []string{"keys", "keys/exec"}},
	"examples/signing-bot":      {ours: []string{".", "ceremony", "client", "keys", "metadata", "repository"}},

	// Modules of their own.
	"keys/kms/aws":                       {ours: []string{"keys", "keys/kms"}, theirs: []string{"github.com/sigstore/sigstore"}},
	"keys/kms/azure":                     {ours: []string{"keys", "keys/kms"}, theirs: []string{"github.com/sigstore/sigstore"}},
	"keys/kms/gcp":                       {ours: []string{"keys", "keys/kms"}, theirs: []string{"github.com/sigstore/sigstore", "google.golang.org/api"}},
	"keys/sigstore":                      {ours: []string{"internal/origin", "internal/quote", "keys"}, theirs: []string{"github.com/digitorus/timestamp", "github.com/sigstore/protobuf-specs", "github.com/sigstore/sigstore-go", "google.golang.org/protobuf"}},
	"keys/sigstore/sigstoretest":         {theirs: []string{"github.com/digitorus/timestamp", "github.com/sigstore/sigstore-go"}},
	"keys/vault/enginetest":              {},
	"signers/pkcs11":                     {ours: []string{"keys", "keys/exec"}, theirs: []string{"github.com/miekg/pkcs11", "golang.org/x/term"}},
	"service/bucket":                     {ours: []string{"internal/quote", "metadata", "service"}, theirs: []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"}},
	"service/bucket/servertest":          {},
	"service/bucket/servertest/gateway":  {theirs: []string{"github.com/versity/versitygw"}},
	"service/bucket/servertest/s3server": {ours: []string{"service/bucket/servertest/gateway"}, theirs: []string{"github.com/aws/aws-sdk-go-v2"}},
	"rstuf/clouds/rstuf":                 {ours: []string{"keys", "keys/kms/aws", "keys/kms/azure", "keys/kms/gcp", "keys/sigstore", "rstuf/internal/cmd", "service", "service/bucket"}, theirs: []string{"github.com/aws/aws-sdk-go-v2"}},
}

// What some modules bring along.
var (
	sigstore = []string{
		"github.com/sigstore/sigstore", "github.com/google/go-containerregistry", "github.com/opencontainers/go-digest",
		"github.com/secure-systems-lab/go-securesystemslib", "github.com/sigstore/protobuf-specs",
		"github.com/youmark/pkcs8", "golang.org/x/crypto", "golang.org/x/sys", "golang.org/x/term",
		"google.golang.org/genproto/googleapis/api", "google.golang.org/protobuf",
	}
	gotuf     = []string{"github.com/theupdateframework/go-tuf/v2", "github.com/cenkalti/backoff/v5"}
	retryable = []string{"github.com/hashicorp/go-retryablehttp", "github.com/hashicorp/go-cleanhttp"}
	table     = []string{"github.com/jedib0t/go-pretty/v6", "github.com/mattn/go-runewidth", "github.com/rivo/uniseg"}
	pgx       = []string{"github.com/jackc/pgx/v5", "github.com/jackc/pgpassfile", "github.com/jackc/pgservicefile", "golang.org/x/text"}
)

// TestFloors holds every import of every package against floors. It reads the
// source itself, whatever system a file is for, so that the test cache sees
// what it depends on.
func TestFloors(t *testing.T) {
	t.Parallel()
	imports := sourceImports(t)
	for _, name := range slices.Sorted(maps.Keys(imports)) {
		allowed, listed := floors[name]
		if !assert.True(t, listed, "the package %s has no entry: add one to floors in floors_test.go", name) {
			continue
		}
		for _, imported := range imports[name] {
			ours, isOurs := folderOf(imported)
			switch {
			case isOurs:
				assert.Contains(t, allowed.ours, ours, "%s imports %s: if it may, add %q to ours of its entry in floors_test.go", name, imported, ours)
			case strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
				assert.True(t, slices.ContainsFunc(allowed.theirs, func(m string) bool { return within(imported, m) }),
					"%s imports %s: if it may, add the module to theirs of its entry in floors_test.go", name, imported)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(floors)) {
		assert.Contains(t, imports, name, "an entry of floors_test.go is of a package that is not there: delete it")
		for _, ours := range floors[name].ours {
			assert.NotContains(t, below(ours), name, "%s and %s may import each other", name, ours)
		}
	}
}

// TestLinked holds the modules that each package links, through whatever it
// imports, against what it and the packages below it are allowed.
func TestLinked(t *testing.T) {
	t.Parallel()
	sourceImports(t) // for the test cache, which does not see what go list reads
	for _, file := range []string{"go.mod", "go.sum"} {
		_, err := os.ReadFile(file)
		require.NoError(t, err)
	}
	out, err := exec.Command("go", "list", "-deps", "-f",
		`{{if not .Standard}}{{.ImportPath}} {{.Module.Path}} {{join .Imports " "}}{{end}}`, "./...").Output()
	require.NoError(t, err)
	modules := map[string]string{}          // of a package
	links := map[string]map[string]string{} // module to the package of it that is linked; dependencies come first
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := fields[0]
		modules[name] = fields[1]
		links[name] = map[string]string{}
		for _, imported := range fields[2:] {
			if m := modules[imported]; m != "" && m != module {
				links[name][m] = imported
			}
			maps.Copy(links[name], links[imported])
		}
	}
	seen := 0
	for name, linked := range links {
		folder, isOurs := folderOf(name)
		if !isOurs {
			continue
		}
		seen++
		allowed := slices.Clone(floors[folder].theirs)
		for _, ours := range below(folder) {
			allowed = append(allowed, floors[ours].theirs...)
		}
		for _, m := range slices.Sorted(maps.Keys(linked)) {
			assert.Contains(t, allowed, m, "%s links %s: if it may, add the module to theirs of the package in floors_test.go that brings it in", folder, linked[m])
		}
	}
	assert.Greater(t, seen, 20, "packages found")
}

// below lists the packages of this module that a package may link.
func below(name string) []string {
	var found []string
	for next := slices.Clone(floors[name].ours); len(next) > 0; next = next[1:] {
		if !slices.Contains(found, next[0]) {
			found = append(found, next[0])
			next = append(next, floors[next[0]].ours...)
		}
	}
	return found
}

// folderOf is the folder in this module of a package, "." for its root.
func folderOf(importPath string) (string, bool) {
	below, ok := strings.CutPrefix(importPath+"/", module+"/")
	return path.Clean(below), ok
}

// within tells whether a package is of a module.
func within(importPath, module string) bool {
	return strings.HasPrefix(importPath+"/", module+"/")
}

// sourceImports lists what the source in each folder imports, of this module and
// of those in its folders, tests left out.
func sourceImports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return skipFolder(file)
		case !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(file))
		imports := found[folder]
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if !slices.Contains(imports, imported) {
				imports = append(imports, imported)
			}
		}
		found[folder] = imports
		return nil
	})
	require.NoError(t, err)
	return found
}

// skipFolder is fs.SkipDir for a folder that holds no packages.
func skipFolder(folder string) error {
	name := filepath.Base(folder)
	if folder != "." && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
		return fs.SkipDir
	}
	return nil
}
