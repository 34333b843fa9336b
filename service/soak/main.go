// Command soak runs a service under load and kills it again and again, at
// random instants, with SIGKILL. After each kill it verifies the whole
// repository as the crash left it; after each restart it accounts for every
// acknowledged request, and compares what is published with what was asked.
//
//	go run ./service/soak -kills 300
//	go run ./service/soak -duration 8h -dir /srv/soak
//
// With -command it runs several replicas of the command in place of that, on one
// database and one bucket, and breaks now one and now another of them, their
// network and the database; .ci/interop-replicas starts what that needs.
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
	shared
}

// shared is what several replicas of the command run on. A script starts it.
type shared struct {
	command  string // the program
	replicas int
	most     int    // faults
	database string // URL
	control  string // a program that restarts the database, "fast" or "immediate"
	store    string // URL of the S3 server
	bucket   string // of it
	objects  string // the folder in which the server has a folder of files for each bucket
}

func run(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.IntVar(&o.kills, "kills", 300, "how often to kill the service")
	flags.DurationVar(&o.duration, "duration", 0, "how long to go on, in place of -kills")
	flags.StringVar(&o.dir, "dir", "", "folder to work in (default: a temporary one)")
	flags.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "seed of the random choices")
	flags.StringVar(&o.command, "command", "", "run replicas of this program, rstuf, in place of the embedded service: .ci/interop-replicas gives this and what follows")
	flags.IntVar(&o.replicas, "replicas", 3, "how many")
	flags.IntVar(&o.most, "faults", 50, "how often to break something")
	flags.StringVar(&o.database, "database", "", "URL of their PostgreSQL")
	flags.StringVar(&o.control, "control", "", "program that restarts it, given how: fast or immediate")
	flags.StringVar(&o.store, "store", "", "URL of their S3 server")
	flags.StringVar(&o.bucket, "bucket", "", "bucket of it")
	flags.StringVar(&o.objects, "objects", "", "folder in which the server has the files of its buckets")
	flags.BoolVar(&o.child, "child", false, "run the service itself (internal)")
	flags.DurationVar(&o.trouble.clock, "clock", 0, "how far the child's clock is off (internal)")
	flags.BoolVar(&o.trouble.faults, "faults-of-disk", false, "the child's disk fails now and then (internal)")
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
	report, err := soakOne(ctx, o)
	fmt.Printf("seed %d, %s: %s\n", o.seed, time.Since(began).Round(time.Second), report)
	if err != nil {
		return fmt.Errorf("%w (the folder is kept: %s)", err, o.dir)
	}
	return os.RemoveAll(o.dir)
}

// soakOne runs one of the two kinds of service, and says what was done to it.
func soakOne(ctx context.Context, o options) (report string, err error) {
	if o.command != "" {
		r := newReplicas(o)
		err = r.run(ctx)
		return fmt.Sprintf("%d faults, %s\n%s", r.faults, r.sums(), r.report()), err
	}
	e := &embedded{soak: newSoak(o.seed), options: o}
	err = e.run(ctx)
	return fmt.Sprintf("%d kills, %s", e.count, e.sums()), err
}
