// Command mutate shows that the soak test sees what it should: it breaks the
// service in one way after another, in a copy of the module, and runs the soak
// test, which must fail each time.
//
//	go run ./service/soak/mutate -kills 150
//	go run ./service/soak/mutate -replicas -faults 400
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
	name  string
	edits []edit
}

// edit replaces text that a file has once.
type edit struct{ file, old, new string }

// mutations are those of the embedded service.
var mutations = []mutation{
	{"a version number is used again after a crash", []edit{{"service/ledger.go",
		"return max(info.version+1+p.old.skips-since, p.files.after(role)+1)", "return info.version + 1 + 0*since"}}},
	{"the timestamp keeps its version", []edit{{"service/ledger.go",
		"if role == rstuf.RoleTimestamp {\n\t\treturn info.version + 1", "if role == rstuf.RoleTimestamp {\n\t\treturn max(info.version, 1)"}}},
	{"a request is acknowledged before it is stored", []edit{{"service/accept.go",
		"\t\tq.write(batch)\n", "\t\tfor _, a := range batch {\n\t\t\ta.done <- nil\n\t\t\ta.done = make(chan error, 1)\n\t\t}\n\t\ttime.Sleep(5 * time.Millisecond)\n\t\tq.write(batch)\n"}}},
	{"one request in two hundred is dropped", []edit{{"service/accept.go",
		"\t\tc.put(tableQueue, a.id.key(), a.sealed)\n", "\t\tif a.id.number()%200 == 0 {\n\t\t\tcontinue\n\t\t}\n\t\tc.put(tableQueue, a.id.key(), a.sealed)\n"}}},
	{"a removal is forgotten now and then", []edit{{"service/merge.go",
		"m.found = append(m.found, list[0])\n\t\t\texists = false", "m.found = append(m.found, list[0])\n\t\t\texists = len(m.found)%7 == 0"}}},
	{"what is committed is not announced now and then", []edit{{"service/commit.go",
		"if p.published() {", "if p.published() && p.next.roles.get(\"timestamp\").version%9 != 0 {"}}},
	{"a start over newer files goes on", []edit{{"service/start.go",
		"case ok && role != rstuf.RoleRoot && version > s.repo.roles.get(role).version && !s.files.has(name):\n\t\t\tleft = append(left, name)",
		"case ok && role != rstuf.RoleRoot && version > s.repo.roles.get(role).version && !s.files.has(name):\n\t\t\tos.Remove(filepath.Join(s.folder(), name))\n\t\t\ts.repo.skips--"}}},
	{"pruning takes what is published", []edit{{"service/prune.go",
		"version >= roles.get(role).version", "version > roles.get(role).version"}}},
}

// ofReplicas are those of replicas on one database and one bucket.
var ofReplicas = []mutation{
	{"a commit does not check the epoch", []edit{{"service/postgres/store.go",
		"where epoch = $1 and writes = $2 and ends > clock_timestamp()", "where $1::bigint is not null and $2::bigint is not null and ends > clock_timestamp()"}}},
	{"timestamp.json is replaced unconditionally", []edit{{"service/bucket/bucket.go",
		"case b.unconditional.Load():\n\tcase etag", "case b.unconditional.Load(), name == \"timestamp.json\":\n\tcase etag"}}},
	{"two publish at once", []edit{
		{"service/postgres/lease.go", "where ends <= clock_timestamp() for update", "where true for update"},
		{"service/postgres/lease.go", "set epoch = epoch + 1, holder", "set epoch = epoch + 0, holder"},
		{"service/postgres/store.go", "where epoch = $1 and writes = $2 and ends > clock_timestamp()", "where epoch = $1 and $2::bigint is not null"},
	}},
	{"a commit whose answer was lost counts as none", []edit{{"service/postgres/user.go", "case !certain(err):", "case false:"}}},
	{"what is accepted elsewhere is acknowledged before it is stored", []edit{{"service/accept.go",
		"\t\tq.write(batch)\n", "\t\tfor _, a := range batch {\n\t\t\ta.done <- nil\n\t\t\ta.done = make(chan error, 1)\n\t\t}\n\t\tq.write(batch)\n"}}},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	kills := flag.Int("kills", 150, "how often the soak test kills the service")
	replicas := flag.Bool("replicas", false, "break replicas in place of the embedded service")
	faults := flag.Int("faults", 400, "how often the soak test of replicas breaks something")
	flag.Parse()
	list, soak := mutations, []string{"go", "run", "-buildvcs=false", "./service/soak", "-kills", fmt.Sprint(*kills), "-dir", "work/soak"}
	if *replicas {
		list, soak = ofReplicas, []string{".ci/interop-replicas", "-faults", fmt.Sprint(*faults)}
	}
	if err := run(ctx, list, append(soak, "-seed", "1")); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// run tries mutations with a command that runs the soak test.
func run(ctx context.Context, list []mutation, soak []string) error {
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL is another user
		return err
	}
	if err := copyModule(ctx, dir); err != nil {
		return err
	}
	var missed []string
	for _, m := range list {
		caught, err := m.try(ctx, dir, soak)
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
	list, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "*.go", "*.html", "*.css", "*go.mod", "*go.sum", ".ci").Output()
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
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, data, info.Mode()); err != nil {
			return err
		}
	}
	return nil
}

// try breaks the copy, runs the soak test, and mends the copy again. It returns
// what the soak test found; empty if it passed.
func (m mutation) try(ctx context.Context, dir string, soak []string) (string, error) {
	for _, e := range m.edits {
		mend, err := e.make(dir)
		if err != nil {
			return "", err
		}
		defer mend()
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = dir
		return cmd
	}
	for _, folder := range []string{"service/soak", "service/postgres", "service/bucket"} {
		if out, err := command("go", "build", "-C", folder, "-buildvcs=false", "-o", os.DevNull, ".").CombinedOutput(); err != nil {
			return "", fmt.Errorf("it does not build: %s", out)
		}
	}
	work := filepath.Join(dir, "work")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	cmd := command(soak[0], soak[1:]...)
	cmd.Env = append(os.Environ(), "TMPDIR="+work)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	switch {
	case err == nil:
		return "", nil
	case !errors.As(err, &failed):
		return "", err
	}
	for line := range strings.Lines(string(out)) {
		if found, ok := strings.CutPrefix(line, "soak: "); ok {
			return strings.TrimSpace(found[:min(len(found), 160)]), nil
		}
	}
	return "", fmt.Errorf("the soak test did not come to an end: %s", out)
}

// make makes an edit in the copy, and returns what takes it back.
func (e edit) make(dir string) (mend func() error, err error) {
	path := filepath.Join(dir, e.file)
	right, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if strings.Count(string(right), e.old) != 1 {
		return nil, fmt.Errorf("%s does not have the text once that is to be changed: bring the list up to date", e.file)
	}
	wrong := strings.Replace(string(right), e.old, e.new, 1)
	for _, name := range []string{"os", "path/filepath", "time"} { // what the new text needs
		short := filepath.Base(name) + "."
		if strings.Contains(e.new, short) && !strings.Contains(string(right), "\t\""+name+"\"\n") {
			wrong = strings.Replace(wrong, "import (\n", "import (\n\t\""+name+"\"\n", 1)
		}
	}
	return func() error { return os.WriteFile(path, right, 0o644) }, os.WriteFile(path, []byte(wrong), 0o644)
}
