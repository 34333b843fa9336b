package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// replica is one process of the command, with a network of its own.
type replica struct {
	number           int
	args, env        []string
	log              *os.File
	database, bucket *proxy
	wrong            func(error) // is told when it ends by itself
	busy             sync.Mutex  // held by whoever breaks it

	mu    sync.Mutex
	cmd   *exec.Cmd // nil while it does not run
	url   string
	asked bool          // it is to end
	ended chan struct{} // closed when it has ended
}

// startTimeout is how long a start may take, with the attempts that fail.
const startTimeout = 30 * time.Second

// start starts the process, and again until it serves: it may end if it finds no
// database.
func (r *replica) start() error {
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		err := r.try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func (r *replica) try() error {
	cmd := exec.Command(r.args[0], r.args[1:]...)
	cmd.Env, cmd.Stderr = r.env, r.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	r.mu.Lock()
	r.cmd, r.ended, r.asked = cmd, ended, false
	r.mu.Unlock()
	var serving struct{ API string }
	if err := json.NewDecoder(out).Decode(&serving); err != nil {
		close(ended)
		return fmt.Errorf("replica %d does not start: %w", r.number, errors.Join(err, cmd.Wait()))
	}
	r.mu.Lock()
	r.url = serving.API
	r.mu.Unlock()
	go func() {
		_, _ = io.Copy(io.Discard, out)
		err := cmd.Wait()
		r.mu.Lock()
		asked := r.asked
		r.mu.Unlock()
		if !asked {
			r.wrong(fmt.Errorf("replica %d ended by itself: %v", r.number, err))
		}
		close(ended)
	}()
	return nil
}

// api is the address of its API.
func (r *replica) api() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.url + "/api/v1"
}

func (r *replica) signal(signal os.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cmd.Process.Signal(signal)
}

// end ends the process with a signal, and returns when it has ended.
func (r *replica) end(signal os.Signal) error {
	r.mu.Lock()
	r.asked = true
	ended := r.ended
	r.mu.Unlock()
	if ended == nil {
		return nil
	}
	if err := r.signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-time.After(startTimeout):
		return fmt.Errorf("replica %d does not end", r.number)
	}
}

// get is what it answers to whoever watches it; anything but 200 is an error.
func (r *replica) get(path string) (text string, err error) {
	r.mu.Lock()
	url := r.url
	r.mu.Unlock()
	resp, err := (&http.Client{Timeout: time.Second}).Get(url + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), err
}

// ready waits until it says that it is.
func (r *replica) ready() (err error) {
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err = r.get("/readyz"); err == nil {
			return nil
		}
	}
	return fmt.Errorf("replica %d is not ready though nothing is broken any more: %w", r.number, err)
}

// close ends all of it.
func (r *replica) close() {
	_ = r.end(syscall.SIGKILL)
	r.database.close()
	r.bucket.close()
	r.log.Close()
}

// logName is the file with what a replica logs.
func logName(dir string, number int) string {
	return filepath.Join(dir, fmt.Sprintf("replica-%d.log", number))
}
