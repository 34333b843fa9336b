package main

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"
	"time"

	"example.org/rstuf/internal/child"
	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// serve is what the child process does: the service on a loopback port, whose
// address it prints.
func serve(ctx context.Context, dir string, t trouble) error {
	cfg := service.Config{
		Dir:        filepath.Join(dir, "service"),
		Keys:       keys.URIConfig{Dir: filepath.Join(dir, "keys")},
		BumpBefore: 23*time.Hour + 59*time.Minute + 58*time.Second, // so that it happens
		BumpEvery:  100 * time.Millisecond,
		Now:        func() time.Time { return time.Now().Add(t.clock) },
	}
	if t.prune {
		cfg.KeepVersions = 2 * time.Second
	}
	if t.faults {
		folder, err := service.NewFolder(filepath.Join(cfg.Dir, "metadata"))
		if err != nil {
			return err
		}
		cfg.Storage = faulty{folder, time.Now()}
	}
	svc, err := service.Open(ctx, cfg)
	for try := 0; t.faults && err != nil && try < 100; try++ { // the disk was full at the start
		time.Sleep(5 * time.Millisecond)
		svc, err = service.Open(ctx, cfg)
	}
	if err != nil {
		return err
	}
	if err := child.Serve(ctx, svc.Handler()); err != nil {
		return err
	}
	// Too short for what waits, often: it stays queued.
	stop, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	if err := svc.Close(stop); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// life is one life of the service.
type life struct {
	*child.Process
	url string // of the API
}

func startLife(dir string, t trouble) (*life, error) {
	p, err := child.Start(append([]string{"-child", "-dir", dir}, t.args()...)...)
	if err != nil {
		return nil, err
	}
	return &life{p, p.URL + "/api/v1"}, nil
}

// kill ends the process at once.
func (c *life) kill() error {
	if err := c.Kill(); err != nil {
		return err
	}
	c.Wait() // it says that the process was killed
	return nil
}

// hold stops the process for a while, which does not notice.
func (c *life) hold(d time.Duration) error {
	if err := c.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(d)
	return c.Signal(syscall.SIGCONT)
}
