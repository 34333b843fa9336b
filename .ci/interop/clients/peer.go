package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"example.org/rstuf/internal/rules"
)

// peer is another TUF client that works off jobs: a program, or a library of
// this process.
type peer struct {
	name    string
	library func(context.Context, job) outcome
	// maxBins is how many hash bins the client can bear. The time that tuf-js
	// takes to read a snapshot grows with the square of the number of roles:
	// minutes for 16,384.
	maxBins int
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	jobs    *json.Encoder
	done    *json.Decoder
}

// job is described in clients.py.
type job struct {
	Root      string   `json:"root"`
	Dir       string   `json:"dir"`
	Metadata  string   `json:"metadata"`
	Artifacts string   `json:"artifacts"`
	Paths     []string `json:"paths"`
	// Now is the client's time, in seconds of Unix; 0 is that of the machine.
	Now int64 `json:"now"`
}

func (j job) time() time.Time {
	if j.Now == 0 {
		return time.Now()
	}
	return time.Unix(j.Now, 0)
}

// outcome is what came of a job. Refused begins with the name of the error's
// class.
type outcome struct {
	Refused string                 `json:"refused"`
	Files   map[string]fileOutcome `json:"files"`
}

// fileOutcome is empty if there is no such artifact.
type fileOutcome struct {
	SHA256  string `json:"sha256"`
	Refused string `json:"refused"`
}

func startPeers(ctx context.Context, dir string) ([]*peer, error) {
	python := exec.CommandContext(ctx, filepath.Join(dir, "venv/bin/python"), ".ci/interop/clients.py")
	js := exec.CommandContext(ctx, "node", ".ci/interop/clients.js")
	js.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "npm/node_modules"))
	var peers []*peer
	for _, p := range []*peer{
		{name: "python-tuf", maxBins: rules.MaxHashBins, cmd: python},
		{name: "tuf-js", maxBins: 1024, cmd: js},
	} {
		p.cmd.Stderr = os.Stderr
		stdin, err := p.cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		stdout, err := p.cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		p.stdin, p.jobs, p.done = stdin, json.NewEncoder(stdin), json.NewDecoder(stdout)
		if err := p.cmd.Start(); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		peers = append(peers, p)
	}
	return peers, nil
}

func (p *peer) run(ctx context.Context, j job) (outcome, error) {
	if p.library != nil {
		return p.library(ctx, j), nil
	}
	var o outcome
	err := p.jobs.Encode(j)
	if err == nil {
		err = p.done.Decode(&o)
	}
	if err != nil {
		return o, fmt.Errorf("%s has ended: %w", p.name, err)
	}
	return o, nil
}

// stop lets the program end at the end of its input.
func (p *peer) stop() error {
	if p.library != nil {
		return nil
	}
	p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}
