package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: svc.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
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

// child is one life of the service.
type child struct {
	cmd *exec.Cmd
	url string
}

func startChild(dir string, t trouble) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{"-child", "-dir", dir}, t.args()...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the service did not start: %v, %v", err, cmd.Wait())
	}
	return &child{cmd, "http://" + strings.TrimSpace(line) + "/api/v1"}, nil
}

// kill ends the process at once.
func (c *child) kill() error {
	if err := c.cmd.Process.Kill(); err != nil {
		return err
	}
	c.cmd.Wait() // it says that the process was killed
	return nil
}

// hold stops the process for a while, which does not notice.
func (c *child) hold(d time.Duration) error {
	if err := c.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(d)
	return c.cmd.Process.Signal(syscall.SIGCONT)
}

// stop asks the process to end.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return c.cmd.Wait()
}
