// Download fetches artifacts of a repository and keeps those that its metadata
// vouches for:
//
//	go run ./examples/download -metadata URL -artifacts URL -root root.json \
//		-cache DIR -to DIR ARTIFACT...
//
// The root is the one of the ceremony, which came by a safe way. Without it,
// -trust-on-first-use trusts what the server says the first time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"

	"example.org/rstuf/repository"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "download:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var cfg repository.Config
	flags := flag.NewFlagSet("download", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&cfg.MetadataURL, "metadata", "", "`URL` of the metadata")
	flags.StringVar(&cfg.ArtifactsURL, "artifacts", "", "`URL` of the artifacts")
	flags.BoolVar(&cfg.HashPrefix, "hash-prefix", false, "files are named <hash>.<name>")
	flags.StringVar(&cfg.Cache, "cache", "", "`folder` that keeps verified metadata")
	rootFile := flags.String("root", "", "`file` with the trusted root")
	firstUse := flags.Bool("trust-on-first-use", false, "trust the server's root the first time; needs -cache")
	to := flags.String("to", ".", "`folder` for the files")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if cfg.MetadataURL == "" || cfg.ArtifactsURL == "" || (*rootFile == "") != *firstUse || flags.NArg() == 0 {
		return fmt.Errorf("-metadata, -artifacts, one of -root and -trust-on-first-use, and artifacts are needed")
	}
	trust := repository.TrustOnFirstUseUnsafe()
	if !*firstUse {
		root, err := os.ReadFile(*rootFile)
		if err != nil {
			return err
		}
		trust = repository.TrustRoot(root)
	}
	reader, err := repository.New(cfg, trust)
	if err != nil {
		return err
	}
	taken := map[string]string{}
	for _, artifact := range flags.Args() {
		dest := filepath.Join(*to, path.Base(artifact))
		if other, ok := taken[dest]; ok {
			return fmt.Errorf("%s and %s would both be %s: download them to folders of their own", other, artifact, dest)
		}
		taken[dest] = artifact
		info, err := reader.Download(ctx, artifact, dest)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %d bytes, verified\n", dest, info.Length)
	}
	return nil
}
