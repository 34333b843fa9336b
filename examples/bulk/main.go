// Bulk measures the embedded service with many artifacts: it bootstraps a
// repository, publishes the artifacts through the client over HTTP, then adds
// one more at a time, and verifies some of them as a client would.
//
//	go run ./examples/bulk -artifacts 1000000 -bins 16384
//	go run ./examples/bulk -json
//
// The service is a process of its own, so that its memory can be told apart.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bulk:", err)
		os.Exit(1)
	}
}

type options struct {
	artifacts, bins int
	batch, flights  int
	dir             string
	json, serve     bool
}

// figures are what is measured. Times are in seconds.
type figures struct {
	Artifacts      int     `json:"artifacts"`
	Bins           int     `json:"bins"`
	Bootstrap      float64 `json:"bootstrap_s"`
	Publish        float64 `json:"publish_s"`
	PerSecond      float64 `json:"artifacts_per_s"`
	Requests       int     `json:"requests"`
	Publications   int64   `json:"publications"`
	OneMoreMedian  float64 `json:"one_more_p50_s"`
	ServicePeakMiB float64 `json:"service_peak_rss_mib,omitempty"`
	MetadataFiles  int     `json:"metadata_files"`
	MetadataMiB    float64 `json:"metadata_mib"`
	Verified       int     `json:"verified"`
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("bulk", flag.ContinueOnError)
	flags.IntVar(&o.artifacts, "artifacts", 1_000_000, "how many artifacts to publish")
	flags.IntVar(&o.bins, "bins", 16384, "number of hash bins, a power of two")
	flags.IntVar(&o.batch, "batch", 100_000, "artifacts in a request")
	flags.IntVar(&o.flights, "flights", 10, "requests under way at a time")
	flags.StringVar(&o.dir, "dir", "", "folder to work in, which is kept (default: a temporary one)")
	flags.BoolVar(&o.json, "json", false, "print the figures as JSON")
	flags.BoolVar(&o.serve, "serve", false, "run the service itself (internal)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.serve {
		return serve(ctx, o.dir)
	}
	if o.artifacts < 1 || o.batch < 1 || o.flights < 1 {
		return fmt.Errorf("-artifacts, -batch and -flights must be at least 1")
	}
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "rstuf-bulk")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	f, err := measure(ctx, o)
	if err != nil {
		return err
	}
	if o.json {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(f)
	}
	f.print(out)
	return nil
}

func (f *figures) print(out io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%-22s "+format+"\n", append([]any{name}, args...)...)
	}
	line("bootstrap", "%.2f s with %d bins", f.Bootstrap, f.Bins)
	line("publish", "%.2f s for %d artifacts in %d requests and %d publications, %.0f a second", f.Publish, f.Artifacts, f.Requests, f.Publications, f.PerSecond)
	line("one more", "%.1f ms from request to published (median)", 1000*f.OneMoreMedian)
	line("metadata", "%d files, %.0f MiB", f.MetadataFiles, f.MetadataMiB)
	if f.ServicePeakMiB > 0 {
		line("memory of the service", "%.0f MiB at most", f.ServicePeakMiB)
	}
	line("verified", "%d artifacts by a client that trusts the first root alone", f.Verified)
}
