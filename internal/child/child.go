// Package child runs a program's service in a process of its own, which can be
// measured or killed: the program calls [Start], which runs the same program
// again with other arguments, and that one calls [Serve].
package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Serve serves on a free port of the loopback interface until the context ends.
// It prints the address, which Start waits for.
func Serve(ctx context.Context, handler http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// A Process is one that serves.
type Process struct {
	*os.Process
	// URL is where it serves, without a slash at its end.
	URL string
	cmd *exec.Cmd
}

// Start runs this program again with the arguments and waits until it serves.
// What it writes to standard error goes to ours.
func Start(args ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
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
		return nil, fmt.Errorf("the service did not start: %w", errors.Join(err, cmd.Wait()))
	}
	return &Process{cmd.Process, "http://" + strings.TrimSpace(line), cmd}, nil
}

// Wait waits for the end of the process. An exit code other than 0 is an error.
func (p *Process) Wait() error { return p.cmd.Wait() }

// Stop asks the process to end, and waits for that.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.Wait()
}
