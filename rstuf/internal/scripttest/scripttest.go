// Package scripttest runs the scripts of rstuf/internal/cmd/testdata/script
// against a build of the command, for its tests.
package scripttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"example.org/rstuf/keys"
	signers "example.org/rstuf/keys/exec"
	"example.org/rstuf/service"
	"github.com/rogpeppe/go-internal/testscript"
)

// Main is the TestMain of a build of the command, whose main is given. Scripts
// call it as rstuf.
func Main(m *testing.M, main func()) {
	testscript.Main(m, map[string]func(){"rstuf": main, "signer": signerProgram})
}

// signer FILE holds the key of a file for exec: URIs. Its password it asks for;
// signer broken says that its PIN is wrong.
func signerProgram() {
	err := signers.Serve(context.Background(), os.Stdin, os.Stdout, func(_ context.Context, ask signers.Ask) (keys.Signer, error) {
		file := os.Args[1]
		pub, err := keys.LoadPublic(file + ".pub")
		return keys.NewSignerFunc(pub, func(ctx context.Context, message []byte) ([]byte, error) {
			fmt.Fprintf(os.Stderr, "signing %d bytes \x1b[2J\n", len(message))
			key, err := keys.Load(file, func() ([]byte, error) { return ask("PIN of " + file) })
			if errors.Is(err, keys.ErrPassword) {
				return nil, errors.New("wrong PIN, 2 tries are left")
			}
			if err != nil {
				return nil, err
			}
			return key.Sign(ctx, message)
		}), err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Run runs the scripts of a folder: commands, good and bad, with a pipe and with
// a terminal. The condition [clouds] of a script tells the builds apart. More are
// further commands of scripts.
func Run(t *testing.T, dir string, clouds bool, more map[string]func(*testscript.TestScript, bool, []string)) {
	commands := map[string]func(*testscript.TestScript, bool, []string){
		"control":      control,
		"exits":        exits,
		"fetch":        fetch,
		"files":        serveFiles,
		"service":      startService,
		"bootstrapped": startBootstrapped,
		"samejson":     sameJSON,
	}
	maps.Copy(commands, more)
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("TERM", "xterm")
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "clouds" {
				return false, fmt.Errorf("there is no condition %q", name)
			}
			return clouds, nil
		},
		Cmds: commands,
	})
}

// service FOLDER [KEY] starts an embedded service on a folder, with the keys of
// FOLDER/keys and the online key in the file KEY, and sets API and METADATA to
// its URLs.
func startService(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 && len(args) != 2 {
		ts.Fatalf("usage: service FOLDER [KEY]")
	}
	dir := ts.MkAbs(args[0])
	config := service.Config{Dir: dir, Keys: keys.URIConfig{Dir: filepath.Join(dir, "keys")}, UnsafeNoSync: true}
	if len(args) == 2 {
		config.KeyFiles = []service.KeyFile{{Path: ts.MkAbs(args[1])}}
	}
	svc, err := service.Open(context.Background(), config)
	ts.Check(err)
	api, files := httptest.NewServer(svc.Handler()), httptest.NewServer(svc.MetadataHandler())
	ts.Defer(func() {
		api.Close()
		files.Close()
		ts.Check(svc.Close(context.Background()))
	})
	ts.Setenv("API", api.URL)
	ts.Setenv("METADATA", files.URL)
}

// files FOLDER serves the files of a folder and sets FILES to the URL.
func serveFiles(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: files FOLDER")
	}
	server := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Defer(server.Close)
	ts.Setenv("FILES", server.URL)
}

// bootstrapped FOLDER is service with a repository: root keys alice and bob,
// threshold 2, four hash bins or the roles of FOLDER.yml, and root.json.
func startBootstrapped(ts *testscript.TestScript, neg bool, args []string) {
	startService(ts, neg, args)
	dir := filepath.Join(ts.MkAbs(args[0]), "keys")
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(ts.Exec("rstuf", "key", "generate", "--type", "ed25519", "--file", "alice", "--plain", "--force"))
	ts.Check(ts.Exec("rstuf", "key", "generate", "--type", "ecdsa", "--file", "bob", "--plain", "--force"))
	ts.Check(ts.Exec("rstuf", "key", "generate", "--type", "ed25519", "--file", filepath.Join(dir, "online"), "--plain"))
	policy := "root_keys: [{name: alice, file: alice.pub}, {name: bob, file: bob.pub}]\nthreshold: 2\n" +
		"online_key: {name: online, file: " + filepath.Join(dir, "online.pub") + ", uri: 'fn:online'}\n"
	spread := "hash_bins: 4\n"
	if roles, err := os.ReadFile(ts.MkAbs(args[0] + ".yml")); err == nil {
		spread = string(roles)
	}
	ts.Check(os.WriteFile(ts.MkAbs("bootstrapped.yml"), []byte(policy+spread), 0o600))
	ts.Check(ts.Exec("rstuf", "admin", "--api-server", ts.Getenv("API"), "ceremony", "--policy", "bootstrapped.yml", "--defaults", "--key", "alice", "--key", "bob", "--yes"))
	root, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), "metadata", "1.root.json"))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("root.json"), root, 0o600))
}

// samejson FILE FILE [FIELD...] compares two JSON files but for the values of
// the fields that are named, wherever they stand.
func sameJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: samejson FILE FILE [FIELD...]")
	}
	var values [2]any
	for i, name := range args[:2] {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(name)), &values[i]))
		dropFields(values[i], args[2:])
	}
	if same := reflect.DeepEqual(values[0], values[1]); same == neg {
		ts.Fatalf("%s and %s: same is %v:\n%v\n%v", args[0], args[1], same, values[0], values[1])
	}
}

func dropFields(v any, names []string) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range names {
			delete(v, name)
		}
		for _, child := range v {
			dropFields(child, names)
		}
	case []any:
		for _, child := range v {
			dropFields(child, names)
		}
	}
}

// fetch URL FILE saves what a server answers.
func fetch(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: fetch URL FILE")
	}
	answer, err := http.Get(args[0])
	ts.Check(err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o600))
}

// exits CODE COMMAND... runs a command that must end with an exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if args[0] != strconv.Itoa(code) {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// control FILE writes ^C and ^D in a file as the bytes that a terminal sends
// for them.
func control(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: control FILE")
	}
	text := strings.NewReplacer("^C", "\x03", "^D", "\x04").Replace(ts.ReadFile(args[0]))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
