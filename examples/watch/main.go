// Watch follows a task of a deployment to its end, one line for each change:
//
//	go run ./examples/watch -api URL -timeout 10m TASK
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "watch:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("watch", flag.ContinueOnError)
	flags.SetOutput(out)
	url := flags.String("api", "", "`URL` of the deployment")
	timeout := flags.Duration("timeout", 5*time.Minute, "how long to wait; a deployment does not say that it does not know a task")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *url == "" || flags.NArg() != 1 {
		return fmt.Errorf("-api and the id of one task are needed")
	}
	api, err := client.New(*url, client.Config{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	start := time.Now()
	_, err = api.WaitTask(ctx, flags.Arg(0), func(task rstuf.Task) {
		fmt.Fprintf(out, "%8s  %s\n", time.Since(start).Round(time.Millisecond), describe(task))
	})
	return err
}

// describe is what a task says of itself, in one line.
func describe(task rstuf.Task) string {
	parts := []string{string(task.State)}
	if result := task.Result; result != nil {
		if result.Message != "" {
			parts = append(parts, result.Message)
		}
		if details := result.Details; details != nil && len(details.RolesToPublish) > 0 {
			parts = append(parts, fmt.Sprintf("%d roles published, %d to go", len(details.PublishedRoles), len(details.RolesToPublish)))
		}
	}
	return strings.Join(parts, ", ")
}
