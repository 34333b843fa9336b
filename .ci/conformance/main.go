// Conformance is the client that the conformance suite for TUF clients drives,
// on package repository:
//
//	conformance --metadata-dir DIR init ROOT
//	conformance --metadata-dir DIR --metadata-url URL refresh
//	conformance --metadata-dir DIR --metadata-url URL --target-name NAME…
//		--target-base-url URL --target-dir DIR download
//
// Trusted metadata stands in DIR as root.json, timestamp.json, snapshot.json and
// ROLE.json; the reader's own cache is a folder in it. The environment variable
// FAKETIME shifts the clock: seconds from now, such as -154691432, or
// "@YYYY-MM-DD hh:mm:ss" in local time, as libfaketime has it. The exit status is 0 or 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"example.org/rstuf/repository"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Getenv("FAKETIME")); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// client is one call of the program.
type client struct {
	dir, metadata, artifacts, to string
	names                        list
	now                          func() time.Time
}

func run(ctx context.Context, args []string, faketime string) error {
	var c client
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.StringVar(&c.dir, "metadata-dir", "", "`folder` of the trusted metadata")
	flags.StringVar(&c.metadata, "metadata-url", "", "`URL` of the metadata")
	flags.StringVar(&c.artifacts, "target-base-url", "", "`URL` of the artifacts")
	flags.StringVar(&c.to, "target-dir", "", "`folder` for artifacts")
	flags.Var(&c.names, "target-name", "`path` of an artifact; may be repeated")
	err := flags.Parse(args)
	if err == nil {
		c.now, err = clock(faketime)
	}
	if err != nil {
		return err
	}
	switch command := flags.Arg(0); command {
	case "init":
		root, err := os.ReadFile(flags.Arg(1))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(c.dir, 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(c.dir, "root.json"), root, 0o644)
	case "refresh":
		reader, err := c.reader()
		if err != nil {
			return err
		}
		return errors.Join(reader.Refresh(ctx), c.show())
	case "download":
		return errors.Join(c.download(ctx), c.show())
	default:
		return fmt.Errorf("%q is none of init, refresh, download", command)
	}
}

// cacheFolder is the reader's cache in the folder of the trusted metadata.
const cacheFolder = "cache"

func (c *client) reader() (*repository.Reader, error) {
	root, err := os.ReadFile(filepath.Join(c.dir, "root.json"))
	if err != nil {
		return nil, err
	}
	return repository.New(repository.Config{
		MetadataURL: c.metadata, ArtifactsURL: c.artifacts, HashPrefixByRoot: true,
		Cache: filepath.Join(c.dir, cacheFolder), Now: c.now, HTTP: repository.HTTPConfig{Retries: -1},
	}, repository.TrustRoot(root))
}

// download puts each artifact under its encoded path into a folder.
func (c *client) download(ctx context.Context) error {
	reader, err := c.reader()
	if err != nil {
		return err
	}
	for _, name := range c.names {
		if _, err := reader.Download(ctx, name, filepath.Join(c.to, url.QueryEscape(name))); err != nil {
			return err
		}
	}
	return nil
}

// show puts what is trusted now where the suite looks for it.
func (c *client) show() error {
	newest := int64(0)
	roots, err := filepath.Glob(filepath.Join(c.dir, cacheFolder, "roots", "*.root.json"))
	if err != nil {
		return err
	}
	for _, name := range roots {
		if version, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(name), ".root.json"), 10, 64); err == nil {
			newest = max(newest, version)
		}
	}
	names, err := filepath.Glob(filepath.Join(c.dir, cacheFolder, "metadata", "*.json"))
	if err != nil {
		return err
	}
	files := map[string]string{}
	for _, name := range names {
		files[filepath.Base(name)] = name
	}
	if newest > 0 {
		files["root.json"] = filepath.Join(c.dir, cacheFolder, "roots", fmt.Sprintf("%d.root.json", newest))
	}
	for name, from := range files {
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(c.dir, name), data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// clock is the time that FAKETIME makes.
func clock(faketime string) (func() time.Time, error) {
	if faketime == "" {
		return time.Now, nil
	}
	if text, ok := strings.CutPrefix(faketime, "@"); ok {
		at, err := time.ParseInLocation(time.DateTime, text, time.Local)
		return func() time.Time { return at }, err
	}
	seconds, err := strconv.ParseInt(faketime, 10, 64)
	return func() time.Time { return time.Now().Add(time.Duration(seconds) * time.Second) }, err
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ", ") }

func (l *list) Set(text string) error {
	*l = append(*l, text)
	return nil
}
