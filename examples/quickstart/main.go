// Quickstart does the main job of RSTUF from nothing to a verified download:
// keys, a ceremony of two people, bootstrap, artifacts, a download that trusts
// nothing but the ceremony's root, an attack that is refused, and a removal.
//
//	go run ./examples/quickstart
//
// It runs the embedded service on a free port of this machine, in a temporary
// folder; -keep DIR keeps the folder. With -api, -metadata and -artifacts the
// same steps run against a service that is already there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	keep                     string
	api, metadata, artifacts string
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	var o options
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.StringVar(&o.keep, "keep", "", "keep everything in this `folder`, which must be new or empty")
	flags.StringVar(&o.api, "api", "", "API `URL` of a service that is already there; it must find its online key in KEEP/keys")
	flags.StringVar(&o.metadata, "metadata", "", "`URL` of that service's metadata files")
	flags.StringVar(&o.artifacts, "artifacts", "", "`URL` where a web server offers the files of KEEP/artifacts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, remove, err := o.folder()
	if err != nil {
		return err
	}
	defer remove()

	begun := time.Now()
	story := &story{out: out, dir: dir}
	if err := story.tell(ctx, o); err != nil {
		return err
	}
	story.say("done", "in %s", time.Since(begun).Round(time.Millisecond))
	if o.keep != "" {
		story.say("kept", "keys, payload, repository and files in %s", dir)
	}
	return nil
}

// folder is where everything goes, and what to do about it at the end.
func (o options) folder() (dir string, remove func(), err error) {
	remote := 0
	for _, url := range []string{o.api, o.metadata, o.artifacts} {
		if url != "" {
			remote++
		}
	}
	switch {
	case remote != 0 && remote != 3:
		return "", nil, fmt.Errorf("-api, -metadata and -artifacts go together")
	case remote == 3 && o.keep == "":
		return "", nil, fmt.Errorf("-api needs -keep FOLDER too: the service must find the new online key in FOLDER/keys, and a web server must offer FOLDER/artifacts at the -artifacts URL")
	case o.keep == "":
		dir, err = os.MkdirTemp("", "rstuf-quickstart-")
		return dir, func() { os.RemoveAll(dir) }, err
	}
	for _, name := range []string{"keys", "people", "artifacts"} {
		if list, err := os.ReadDir(filepath.Join(o.keep, name)); err == nil && len(list) > 0 {
			return "", nil, fmt.Errorf("%s is not empty: name a new folder", filepath.Join(o.keep, name))
		}
	}
	return o.keep, func() {}, os.MkdirAll(o.keep, 0o755)
}
