// Clients runs the embedded service, drives it through the life of a repository
// and has the updaters of python-tuf and tuf-js download from it after each
// step. They trust nothing but the first root.
//
//	clients DIR
//	clients -adopt DIR
//
// With -adopt they and go-tuf and our reader follow repositories that the service
// takes over from others, and from itself after a loss.
//
// DIR holds the command rstuf, python-tuf in venv and tuf-js in npm, and takes
// the repositories. The program runs at the top of the source tree.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
)

// patience is how long all of it may take, so that nothing waits for ever.
const patience = 3 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	adopt := len(args) == 2 && args[0] == "-adopt"
	if adopt {
		args = args[1:]
	}
	if len(args) != 1 {
		return errors.New("usage: clients [-adopt] DIR")
	}
	peers, err := startPeers(ctx, args[0])
	if err != nil {
		return err
	}
	defer func() {
		for _, p := range peers {
			err = errors.Join(err, p.stop())
		}
	}()
	if adopt {
		return adoptions(ctx, args[0], append(peers, libraries()...))
	}
	for _, bins := range []int{4, 256, 16384} {
		name := fmt.Sprintf("%d hash bins", bins)
		change := func(p *ceremony.Policy) { p.HashBins = bins }
		able := slices.DeleteFunc(slices.Clone(peers), func(p *peer) bool { return bins > p.maxBins })
		if err := tell(ctx, args[0], name, able, change, (*repository).life); err != nil {
			return err
		}
	}
	dev := []*keys.Private{newKey(keys.ECDSAP256, "dan"), newKey(keys.RSA2048, "eve")}
	change := func(p *ceremony.Policy) {
		p.Delegations = []ceremony.Role{
			{Name: "app", Paths: []string{"app/*", "app/*/*", "app/*/*/*/*"}, Days: 1},
			{Name: "dev", Paths: []string{"dev/*"}, Keys: []keys.Public{dev[0].Public(), dev[1].Public()}, Threshold: 2, Days: 30},
		}
	}
	return tell(ctx, args[0], "path delegations", peers, change, func(r *repository, ctx context.Context) error {
		return r.offlineLife(ctx, dev)
	})
}

// tell runs one repository through its story.
func tell(ctx context.Context, dir, name string, peers []*peer, change func(*ceremony.Policy), story func(*repository, context.Context) error) error {
	begun := time.Now()
	r, err := newRepository(ctx, filepath.Join(dir, name), name, peers, change)
	if err == nil {
		err = errors.Join(story(r, ctx), r.stop())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Printf("%s: all of it in %s, with %s\n", name, time.Since(begun).Round(100*time.Millisecond), names(peers))
	return nil
}

func names(peers []*peer) string {
	var all []string
	for _, p := range peers {
		all = append(all, p.name)
	}
	return strings.Join(all, " and ")
}
