// Command mutate shows that the soak test sees what it should: it breaks the
// service in one way after another, in a copy of the module, and runs the soak
// test, which must fail each time.
//
//	go run ./service/soak/mutate -kills 150
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// mutation is one way to break the service.
type mutation struct {
	name, file, old, new string
}

var mutations = []mutation{
	{"a version number is used again after a crash", "service/ledger.go",
		"return max(info.version+1+p.old.skips-since, p.files.after(role)+1)", "return info.version + 1 + 0*since"},
	{"the timestamp keeps its version", "service/ledger.go",
		"if role == rstuf.RoleTimestamp {\n\t\treturn info.version + 1", "if role == rstuf.RoleTimestamp {\n\t\treturn max(info.version, 1)"},
	{"a request is acknowledged before it is stored", "service/accept.go",
		"\t\tq.write(batch)\n", "\t\tfor _, a := range batch {\n\t\t\ta.done <- nil\n\t\t\ta.done = make(chan error, 1)\n\t\t}\n\t\ttime.Sleep(5 * time.Millisecond)\n\t\tq.write(batch)\n"},
	{"one request in two hundred is dropped", "service/accept.go",
		"\t\tc.put(tableQueue, a.id.key(), a.sealed)\n", "\t\tif a.id.number()%200 == 0 {\n\t\t\tcontinue\n\t\t}\n\t\tc.put(tableQueue, a.id.key(), a.sealed)\n"},
	{"a removal is forgotten now and then", "service/merge.go",
		"m.found = append(m.found, list[0])\n\t\t\texists = false", "m.found = append(m.found, list[0])\n\t\t\texists = len(m.found)%7 == 0"},
	{"what is committed is not announced now and then", "service/commit.go",
		"if p.published() {", "if p.published() && p.next.roles.get(\"timestamp\").version%9 != 0 {"},
	{"a start over newer files goes on", "service/start.go",
		"case ok && role != rstuf.RoleRoot && version > s.repo.roles.get(role).version && !s.files.has(name):\n\t\t\tleft = append(left, name)",
		"case ok && role != rstuf.RoleRoot && version > s.repo.roles.get(role).version && !s.files.has(name):\n\t\t\tos.Remove(filepath.Join(s.folder(), name))\n\t\t\ts.repo.skips--"},
	{"pruning takes what is published", "service/prune.go",
		"version >= roles.get(role).version", "version > roles.get(role).version"},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	kills := flag.Int("kills", 150, "how often the soak test kills the service")
	flag.Parse()
	if err := run(ctx, *kills); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kills int) error {
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := copyModule(ctx, dir); err != nil {
		return err
	}
	var missed []string
	for _, m := range mutations {
		caught, err := m.try(ctx, dir, kills)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Printf("%-60s %s\n", m.name, caught)
		if caught == "" {
			missed = append(missed, m.name)
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("the soak test does not see: %s", strings.Join(missed, "; "))
	}
	return nil
}

// copyModule copies the files that git knows.
func copyModule(ctx context.Context, dir string) error {
	list, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "*.go", "*.html", "*.css", "go.mod", "go.sum").Output()
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		data, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// try breaks the copy, runs the soak test, and mends the copy again. It returns
// what the soak test found; empty if it passed.
func (m mutation) try(ctx context.Context, dir string, kills int) (string, error) {
	path := filepath.Join(dir, m.file)
	right, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if strings.Count(string(right), m.old) != 1 {
		return "", fmt.Errorf("%s does not have the text once that is to be changed: bring the list up to date", m.file)
	}
	defer os.WriteFile(path, right, 0o644)
	wrong := strings.Replace(string(right), m.old, m.new, 1)
	for _, name := range []string{"os", "path/filepath", "time"} { // what the new text needs
		short := filepath.Base(name) + "."
		if strings.Contains(m.new, short) && !strings.Contains(string(right), "\t\""+name+"\"\n") {
			wrong = strings.Replace(wrong, "import (\n", "import (\n\t\""+name+"\"\n", 1)
		}
	}
	if err := os.WriteFile(path, []byte(wrong), 0o644); err != nil {
		return "", err
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = dir
		return cmd
	}
	program := filepath.Join(dir, "soak-mutated")
	if out, err := command("go", "build", "-buildvcs=false", "-o", program, "./service/soak").CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not build: %s", out)
	}
	work := filepath.Join(dir, "work")
	defer os.RemoveAll(work)
	out, err := command(program, "-kills", fmt.Sprint(kills), "-dir", work, "-seed", "1").CombinedOutput()
	var failed *exec.ExitError
	switch {
	case err == nil:
		return "", nil
	case !errors.As(err, &failed):
		return "", err
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	last := lines[len(lines)-1]
	return last[:min(len(last), 160)], nil
}
