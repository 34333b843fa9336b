package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"example.org/rstuf/internal/child"
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
	if err := child.Serve(ctx, mux); err != nil {
		return err
	}
	return svc.Close(context.Background())
}

// peak is the most memory that the process has had in MiB; 0 where the system
// does not tell.
func peak(p *child.Process) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
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
