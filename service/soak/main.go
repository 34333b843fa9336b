// Command soak runs a service under load and kills it again and again, at
// random instants, with SIGKILL. After each kill it verifies the whole
// repository as the crash left it; after each restart it accounts for every
// acknowledged request, and compares what is published with what was asked.
//
//	go run ./service/soak -kills 300
//	go run ./service/soak -duration 8h -dir /srv/soak
//
// It ends with an error, and keeps the folder, at the first thing that is not
// as promised.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

type options struct {
	kills    int
	duration time.Duration
	dir      string
	seed     uint64
	child    bool
	trouble  trouble // of the child
}

func run(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.IntVar(&o.kills, "kills", 300, "how often to kill the service")
	flags.DurationVar(&o.duration, "duration", 0, "how long to go on, in place of -kills")
	flags.StringVar(&o.dir, "dir", "", "folder to work in (default: a temporary one)")
	flags.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "seed of the random choices")
	flags.BoolVar(&o.child, "child", false, "run the service itself (internal)")
	flags.DurationVar(&o.trouble.clock, "clock", 0, "how far the child's clock is off (internal)")
	flags.BoolVar(&o.trouble.faults, "faults", false, "the child's disk fails now and then (internal)")
	flags.BoolVar(&o.trouble.prune, "prune", false, "the child removes old versions (internal)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.child {
		return serve(ctx, o.dir, o.trouble)
	}
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "rstuf-soak")
		if err != nil {
			return err
		}
		o.dir = dir
	}
	began := time.Now()
	e := &embedded{soak: newSoak(o.seed), options: o}
	err := e.run(ctx)
	fmt.Printf("seed %d: %d kills, %s, %s\n", o.seed, e.count, e.sums(), time.Since(began).Round(time.Second))
	if err != nil {
		return fmt.Errorf("%w (the folder is kept: %s)", err, o.dir)
	}
	return os.RemoveAll(o.dir)
}
