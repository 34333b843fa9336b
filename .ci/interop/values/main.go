// Values asks python-tuf, tuf-js, go-tuf and package repository how they read
// patterns, the values of an artifact's description, and paths. What the rules
// for requests take, all of them must read alike; what the rules refuse, one of
// them at least must read otherwise or not at all; and the tables in
// docs/clients.md must say what they do.
//
//	values DIR
//
// DIR holds python-tuf in venv and tuf-js in npm, and takes the repository. The
// program runs at the top of the source tree.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// patience is how long all of it may take, so that nothing waits for ever.
const patience = 3 * time.Minute

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "values:", err)
		os.Exit(1)
	}
}

// job and answer are described in values.py.
type job struct {
	Patterns  []string          `json:"patterns"`
	Paths     []string          `json:"paths"`
	Root      string            `json:"root"`
	Documents map[string]string `json:"documents"`
	Dir       string            `json:"dir"`
	Metadata  string            `json:"metadata"`
	Artifacts string            `json:"artifacts"`
	Downloads []string          `json:"downloads"`
}

type answer struct {
	Matches   [][]bool          `json:"matches"`
	Documents map[string]string `json:"documents"`
	Downloads map[string]string `json:"downloads"`
}

// clients are the columns of docs/clients.md; ours is the last.
var clients = []string{"python-tuf", "go-tuf", "tuf-js", ours}

const ours = "repository"

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: values DIR")
	}
	dir := args[0]
	docs, err := os.ReadFile("docs/clients.md")
	if err != nil {
		return err
	}
	r, err := newRepository(filepath.Join(dir, "repository"))
	if err != nil {
		return err
	}
	all := artifacts(string(docs))
	j := job{Patterns: patterns(string(docs)), Paths: probes, Root: r.root, Downloads: sortedKeys(all)}
	if j.Documents, err = r.writeDocuments(); err != nil {
		return err
	}
	if err := r.publish(all); err != nil {
		return err
	}
	server := httptest.NewServer(http.FileServer(http.Dir(r.dir)))
	defer server.Close()
	j.Metadata, j.Artifacts = server.URL+"/metadata/", server.URL+"/artifacts/"

	answers := map[string]answer{}
	for _, client := range clients {
		j.Dir = filepath.Join(dir, "client "+client)
		if answers[client], err = ask(ctx, client, dir, j); err != nil {
			return fmt.Errorf("%s: %w", client, err)
		}
	}
	return errors.Join(checkPatterns(j, answers, string(docs)), checkDocuments(string(docs), answers), checkDownloads(string(docs), answers))
}

func ask(ctx context.Context, client, dir string, j job) (answer, error) {
	var cmd *exec.Cmd
	switch client {
	case "go-tuf":
		return askGoTUF(j)
	case ours:
		return askOurs(ctx, j)
	case "python-tuf":
		cmd = exec.CommandContext(ctx, filepath.Join(dir, "venv/bin/python"), ".ci/interop/values.py")
	default:
		cmd = exec.CommandContext(ctx, "node", ".ci/interop/values.js")
		cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "npm/node_modules"))
	}
	var a answer
	input, err := json.Marshal(j)
	if err != nil {
		return a, err
	}
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr
	output, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(output, &a)
	}
	return a, err
}
