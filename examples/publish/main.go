// Publish adds all files of a folder to a deployment:
//
//	go run ./examples/publish -api URL -prefix v1.2 -journal upload.journal FOLDER
//
// At a terminal it shows a progress bar. After an interruption, the same
// command goes on where it was, if it has a journal.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"example.org/rstuf/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var bar io.Writer
	if term.IsTerminal(int(os.Stderr.Fd())) {
		bar = os.Stderr
	}
	if err := run(ctx, os.Args[1:], os.Stdout, bar); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

// run shows the progress on bar, unless that is nil.
func run(ctx context.Context, args []string, out, bar io.Writer) error {
	flags := flag.NewFlagSet("publish", flag.ContinueOnError)
	flags.SetOutput(out)
	url := flags.String("api", "", "`URL` of the deployment")
	prefix := flags.String("prefix", "", "`path` before the names of the files")
	journal := flags.String("journal", "", "`file` that remembers what is done")
	hashes := flags.String("hash", "sha256", "`algorithms`, with commas: sha256, sha512, blake2b-256")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *url == "" || flags.NArg() != 1 {
		return fmt.Errorf("-api and one folder are needed")
	}
	folder := flags.Arg(0)
	api, err := client.New(*url, client.Config{})
	if err != nil {
		return err
	}
	publisher := client.Publisher{Client: api, Journal: *journal}
	if bar != nil {
		publisher.Total = count(folder)
		publisher.Progress = func(p client.PublishProgress) { draw(bar, p) }
	}
	files := client.HashFolder(ctx, folder, client.HashOptions{Prefix: *prefix, Algorithms: strings.Split(*hashes, ",")})
	report, err := publisher.PublishFiles(ctx, files)
	if bar != nil {
		fmt.Fprintln(bar)
	}
	for _, problem := range report.Problems {
		fmt.Fprintf(out, "%s: %v\n", problem.Path, problem.Err)
	}
	fmt.Fprintf(out, "%d published, %d before, %d invalid, %d failed; %d bytes, %d requests, %s\n",
		report.Added, report.Skipped, report.Invalid, report.Failed, report.Bytes, report.Requests, report.Elapsed.Round(time.Millisecond))
	if err == nil && report.Invalid+report.Failed > 0 {
		err = fmt.Errorf("%d files were not published", report.Invalid+report.Failed)
	}
	return err
}

// count is the number of files, for the bar. What can't be read is reported
// when it is hashed.
func count(folder string) (n int64) {
	filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			n++
		}
		return nil
	})
	return n
}

// draw writes the bar over itself.
func draw(w io.Writer, p client.PublishProgress) {
	const width = 40
	share := 1.0
	if p.Total > 0 {
		share = min(float64(p.Done)/float64(p.Total), 1)
	}
	full := int(share * width)
	fmt.Fprintf(w, "\r[%s%s] %3.0f%%  %d of %d, %.0f/s, %s left \x1b[K", strings.Repeat("#", full), strings.Repeat(".", width-full),
		100*share, p.Done, p.Total, p.Rate, p.Left.Round(time.Second))
}
