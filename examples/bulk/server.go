package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// serve runs the service on a loopback port, whose address it prints.
func serve(ctx context.Context, dir string) error {
	// What is in use stays far below; without a limit the garbage collector
	// lets the heap grow to twice that. GOMEMLIMIT does the same from outside.
	debug.SetMemoryLimit(400 << 20)
	svc, err := service.Open(ctx, service.Config{
		Dir:  filepath.Join(dir, "service"),
		Keys: keys.URIConfig{Dir: filepath.Join(dir, "keys")},
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", svc.Handler())
	mux.Handle("/files/", http.StripPrefix("/files", svc.MetadataHandler()))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return svc.Close(context.Background())
}

// process is the service in a process of its own.
type process struct {
	cmd *exec.Cmd
	url string
}

func startProcess(dir string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-serve", "-dir", dir)
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
		return nil, fmt.Errorf("the service did not start: %v", cmd.Wait())
	}
	return &process{cmd, "http://" + strings.TrimSpace(line)}, nil
}

// stop ends the service in order.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// peak is the most memory that the process has had in MiB; 0 where the system
// does not tell.
func (p *process) peak() float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	var kib float64
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(after, &kib); err != nil {
		return 0
	}
	return kib / 1024
}
