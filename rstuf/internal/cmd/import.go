package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/files"
	"example.org/rstuf/internal/quote"
	"github.com/spf13/cobra"
)

// maxCSVLine bounds a line of CSV, in bytes.
const maxCSVLine = 64 << 10

// importCommand is what the flags of rstuf admin import-artifacts say.
type importCommand struct {
	*app
	csv         []string
	journal     string
	database    databaseFlags
	skipPublish bool
}

func newImportCommand(a *app) *cobra.Command {
	c := &importCommand{app: a}
	cmd := &cobra.Command{
		Use:   "import-artifacts",
		Short: "Add very many artifacts from CSV files",
		Long: `Add very many artifacts from CSV files: a line "path;size;hash-type;hash" each,
without a header. All files are read and checked before anything is sent.

The artifacts go through the API in requests of many, for hash bins and custom
roles alike. With --journal an import that was interrupted goes on where it was
when it is repeated.

With --db-uri they go straight into the PostgreSQL of a deployed RSTUF, all or
none, and are published then: minutes for millions. An artifact that is there
already is an error. The tables are those of RSTUF's workers since 2025.`,
		Example: `  rstuf admin --api-server https://rstuf.example.com import-artifacts --csv export.csv \
      --journal import.journal
  rstuf admin import-artifacts --csv part1.csv --csv part2.csv
  rstuf admin import-artifacts --csv export.csv --db-uri postgresql://rstuf@127.0.0.1/rstuf \
      --db-password-file secret`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&c.csv, "csv", nil, "CSV `FILE`; may be repeated")
	flags.StringVar(&c.journal, "journal", "", "remember in `FILE` what is published, to go on after an interruption")
	c.database.add(flags, "`URI` of a deployed RSTUF's PostgreSQL, to import without the API")
	flags.BoolVar(&c.skipPublish, "skip-publish-artifacts", false, "with --db-uri: leave it to rstuf artifact publish")
	return cmd
}

func (c *importCommand) run(ctx context.Context) error {
	if len(c.csv) == 0 {
		return usagef("give --csv FILE")
	}
	switch {
	case c.database.uri == "" && (c.skipPublish || c.database.password.given()):
		return usagef("--skip-publish-artifacts and --db-password go with --db-uri: through the API, unpublished requests would hold the workers")
	case c.database.uri != "" && c.journal != "":
		return usagef("--journal goes with the API: into a database all is imported or nothing")
	}
	total, err := c.checkFiles()
	if err != nil {
		return err
	}
	if c.database.uri != "" {
		return c.throughDatabase(ctx, total)
	}
	return c.throughAPI(ctx, total)
}

// checkFiles reads all files once, so that a mistake in the last line of the
// last one is known before the first is sent.
func (c *importCommand) checkFiles() (total int64, err error) {
	for _, err := range c.artifacts() {
		if err != nil {
			return 0, err
		}
		total++
	}
	if total == 0 {
		return 0, errors.New("the CSV files are empty")
	}
	return total, nil
}

func (c *importCommand) throughAPI(ctx context.Context, total int64) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	ctx, cancel := c.withTimeout(ctx, 0)
	defer cancel()
	bar := c.bar()
	publisher := client.Publisher{Client: api, Journal: c.journal, Total: total, Progress: bar.update}
	report, err := publisher.PublishFiles(ctx, c.artifacts())
	bar.clear()
	return c.reportUpload(report, err)
}

// artifacts yields the artifacts of all files. The first line that is wrong
// ends it.
func (c *importCommand) artifacts() iter.Seq2[rstuf.Artifact, error] {
	return func(yield func(rstuf.Artifact, error) bool) {
		seen := newSeen[csvPlace]()
		for i, path := range c.csv {
			number := 0
			more := artifactsOfCSV(path, func(artifact rstuf.Artifact, err error) bool {
				number++
				if before, twice := seen.add(artifact.Path, csvPlace{int32(i), int32(number)}); err == nil && twice {
					return yield(rstuf.Artifact{}, fmt.Errorf("%s, artifact %d, and %s, artifact %d, have the same path %s: leave one out",
						c.csv[before.file], before.number, path, number, quote.Word(artifact.Path))) && false
				}
				return yield(artifact, err)
			})
			if !more {
				return
			}
		}
	}
}

// csvPlace is where an artifact stands: in which file, and as which of its
// artifacts.
type csvPlace struct{ file, number int32 }

func artifactsOfCSV(path string, yield func(rstuf.Artifact, error) bool) bool {
	f, err := os.Open(path)
	if err != nil {
		return yield(rstuf.Artifact{}, err) && false
	}
	defer f.Close()
	for artifact, err := range readCSV(f) {
		if err != nil {
			yield(rstuf.Artifact{}, fmt.Errorf("%s: %w", path, err))
			return false
		}
		if !yield(artifact, nil) {
			return false
		}
	}
	return true
}

// readCSV yields the artifacts of lines "path;size;hash-type;hash". The error
// names the line and ends it.
func readCSV(r io.Reader) iter.Seq2[rstuf.Artifact, error] {
	return func(yield func(rstuf.Artifact, error) bool) {
		for line, err := range files.Lines(r, maxCSVLine) {
			if err == nil && line.Text == "" {
				continue
			}
			var artifact rstuf.Artifact
			if err == nil {
				if artifact, err = parseCSVLine(line.Text); err != nil {
					artifact, err = rstuf.Artifact{}, fmt.Errorf("line %d: %w", line.Number, err)
				}
			}
			if !yield(artifact, err) || err != nil {
				return
			}
		}
	}
}

// parseCSVLine reads one line. The path comes first and may hold semicolons.
func parseCSVLine(line string) (rstuf.Artifact, error) {
	fields := strings.Split(line, ";")
	if len(fields) < 4 {
		return rstuf.Artifact{}, errors.New("want path;size;hash-type;hash")
	}
	last := len(fields) - 3
	size, err := strconv.ParseInt(fields[last], 10, 64)
	if err != nil {
		return rstuf.Artifact{}, fmt.Errorf("size %q is not a whole number", fields[last])
	}
	artifact := rstuf.Artifact{
		Path: strings.Join(fields[:last], ";"),
		Info: rstuf.ArtifactInfo{Length: size, Hashes: map[string]string{fields[last+1]: fields[last+2]}},
	}
	return artifact, (&rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{artifact}}).Validate()
}
