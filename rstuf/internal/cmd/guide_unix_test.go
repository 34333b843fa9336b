//go:build unix

package cmd

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGuide types what the pages of docs/guide say, from an empty folder on: each
// command ends with 0, or with the exit code that the page says, and prints what
// the page shows. In a page "…" stands for anything within a line.
func TestGuide(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../../docs/guide/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(page)
			require.NoError(t, err)
			commands := guideCommands(t, string(text))
			require.NotEmpty(t, commands)
			r := newGuideRun(t)
			for _, command := range commands {
				r.do(command)
			}
		})
	}
}

// A guideCommand is a command of a page, and what the page shows of its end.
type guideCommand struct {
	text   string
	code   int
	output []string
}

var exitCodeNote = regexp.MustCompile(`^\(exit code (\d+)\)$`)

// guideCommands are those of the page's "console" blocks, after those of the page
// that it says to begin with.
func guideCommands(t *testing.T, page string) (commands []guideCommand) {
	inside := false
	scanner := bufio.NewScanner(strings.NewReader(page))
	for scanner.Scan() {
		line := scanner.Text()
		if before, ok := strings.CutPrefix(line, "<!-- begin with: "); ok {
			text, err := os.ReadFile(filepath.Join("../../../docs/guide", strings.TrimSuffix(before, " -->")))
			require.NoError(t, err)
			commands = append(commands, guideCommands(t, string(text))...)
			continue
		}
		last := len(commands) - 1
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside || line == "":
		case strings.HasPrefix(line, "$ "):
			commands = append(commands, guideCommand{text: line[2:]})
		case strings.HasSuffix(commands[last].text, `\`), strings.HasPrefix(line, "> "):
			commands[last].text += "\n" + strings.TrimPrefix(line, "> ")
		case exitCodeNote.MatchString(line):
			code, err := strconv.Atoi(exitCodeNote.FindStringSubmatch(line)[1])
			require.NoError(t, err)
			commands[last].code = code
		default:
			commands[last].output = append(commands[last].output, line)
		}
	}
	return commands
}

// guideRun is a folder in which somebody follows a page.
type guideRun struct {
	*testing.T
	dir   string
	ports *strings.Replacer
	env   []string
	// running are the services of the page by their command.
	running []*exec.Cmd
}

func newGuideRun(t *testing.T) *guideRun {
	r := &guideRun{T: t, dir: t.TempDir()}
	var pairs []string
	for _, port := range []string{"8080", "8081", "8082", "9080", "9081"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer listener.Close()
		_, free, err := net.SplitHostPort(listener.Addr().String())
		require.NoError(t, err)
		pairs = append(pairs, "127.0.0.1:"+port, "127.0.0.1:"+free)
	}
	r.ports = strings.NewReplacer(pairs...)
	r.env = append(os.Environ(), "HOME="+r.dir, "XDG_DATA_HOME=", "XDG_CONFIG_HOME=")
	t.Cleanup(r.stop)
	return r
}

// stop ends what still runs, as Ctrl-C does.
func (r *guideRun) stop() {
	for _, cmd := range r.running {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		_ = cmd.Wait()
	}
	r.running = nil
}

func (r *guideRun) do(c guideCommand) {
	text := r.ports.Replace(c.text)
	if text == "kill %1" {
		r.stop()
		return
	}
	serving, background := strings.CutSuffix(text, " &")
	if !background {
		serving = text
	} else if !strings.HasPrefix(serving, "rstuf serve") {
		r.Fatalf("%s: only a service may run on", text)
	}
	if background && !strings.Contains(serving, "listen") { // the ports that serve takes by itself
		serving += r.ports.Replace(" --listen 127.0.0.1:8080 --metadata-listen 127.0.0.1:8081 --artifacts-listen 127.0.0.1:8082")
	}
	prefix := ""
	if background {
		prefix = "exec "
	}
	cmd := exec.Command("sh", "-c", prefix+serving)
	cmd.Dir, cmd.Env = r.dir, r.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if background {
		require.NoError(r, cmd.Start(), text)
		r.running = append(r.running, cmd)
		for _, address := range regexp.MustCompile(`(?:--listen|--metadata-listen) (127\.0\.0\.1:\d+)`).FindAllStringSubmatch(serving, -1) {
			require.Eventually(r, func() bool {
				conn, err := net.Dial("tcp", address[1])
				if err == nil {
					conn.Close()
				}
				return err == nil
			}, time.Minute, 10*time.Millisecond, "%s", text)
		}
		return
	}
	require.NoError(r, cmd.Start(), text)
	defer time.AfterFunc(time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }).Stop()
	_ = cmd.Wait()
	require.Equal(r, c.code, cmd.ProcessState.ExitCode(), "%s\n%s", text, out.String())
	for _, line := range c.output {
		want := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(r.ports.Replace(line))), "…", ".*")
		want = regexp.MustCompile(` +`).ReplaceAllString(want, " +")
		assert.Regexp(r, fmt.Sprintf("(?m)^ *%s *$", want), out.String(), text)
	}
}
