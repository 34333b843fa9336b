//go:build unix

package exec_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"example.org/rstuf/keys"
	signers "example.org/rstuf/keys/exec"
)

// TestMain is also the program: with arguments of ours it behaves as they say.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "signer" {
		if err := behave(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

const pin = "7391"

// behave is a program that holds the key of a file, and does one thing wrong.
func behave(how, file string) error {
	key, err := keys.Load(file, nil)
	if err != nil {
		return err
	}
	open := func(sign func(ctx context.Context, message []byte, ask signers.Ask) ([]byte, error)) error {
		return signers.Serve(context.Background(), os.Stdin, os.Stdout, func(_ context.Context, ask signers.Ask) (keys.Signer, error) {
			return raw{key.Public(), func(ctx context.Context, message []byte) ([]byte, error) { return sign(ctx, message, ask) }}, nil
		})
	}
	good := func(ctx context.Context, message []byte, _ signers.Ask) ([]byte, error) {
		return key.Sign(ctx, message)
	}
	switch how {
	case "good":
		fmt.Fprint(os.Stderr, "touch \x1b[31mit\nnow")
		return open(good)
	case "hangs":
		select {}
	case "hangs with a child":
		child := exec.Command(os.Args[0], "signer", "hangs", file)
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			return err
		}
		if err := os.WriteFile(file+".child", []byte(strconv.Itoa(child.Process.Pid)), 0o600); err != nil {
			return err
		}
		select {}
	case "goes on after its answer":
		if err := open(good); err != nil {
			return err
		}
		select {}
	case "prints megabytes":
		for {
			if _, err := os.Stdout.WriteString(strings.Repeat("x", 1<<16)); err != nil {
				return err
			}
		}
	case "complains at length":
		for range 1000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("y", 5000))
		}
		return errors.New("no token")
	case "prints text":
		fmt.Println("Welcome to the token!")
	case "answers two things":
		fmt.Println(`{"sig":"00","error":"x"}`)
	case "answers something unknown":
		fmt.Println(`{"signature":"00"}`)
	case "answers no hexadecimal":
		fmt.Println(`{"sig":"zz"}`)
	case "answers a key twice":
		if err := open(good); err != nil {
			return err
		}
		fmt.Println(`{"sig":"00"}`)
	case "fails after its answer":
		if err := open(good); err != nil {
			return err
		}
		return errors.New("too late")
	case "dies", "dies in the middle of a line":
		if how != "dies" {
			fmt.Print(`{"sig":"00`)
		}
		return errors.New("the token was pulled out")
	case "signs something else":
		return open(func(ctx context.Context, message []byte, _ signers.Ask) ([]byte, error) {
			return key.Sign(ctx, append([]byte("not "), message...))
		})
	case "signs with another key":
		return open(func(ctx context.Context, message []byte, _ signers.Ask) ([]byte, error) {
			other, err := keys.Generate(keys.Ed25519, "")
			if err != nil {
				return nil, err
			}
			return other.Sign(ctx, message)
		})
	case "asks for a PIN":
		return open(func(ctx context.Context, message []byte, ask signers.Ask) ([]byte, error) {
			given, err := ask("PIN of the token\nrstuf: all is well")
			if err != nil {
				return nil, err
			}
			if string(given) != pin {
				fmt.Fprintln(os.Stderr, "got", string(given))
				return nil, fmt.Errorf("the PIN %s is wrong, 2 tries are left", given)
			}
			return key.Sign(ctx, message)
		})
	case "asks for ever":
		return open(func(_ context.Context, _ []byte, ask signers.Ask) ([]byte, error) {
			for {
				if _, err := ask("PIN"); err != nil {
					return nil, err
				}
			}
		})
	case "lies about its key":
		fmt.Println(`{"key":{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"00"}}}`)
	case "has a key of another kind":
		fmt.Println(`{"key":{"keytype":"x","scheme":"y","keyval":{"public":"00"}}}`)
	case "signs whatever it is asked for":
		line, err := bufio.NewReader(os.Stdin).ReadBytes('\n')
		if err != nil {
			return err
		}
		var r struct {
			Request string
			Message []byte
		}
		_ = json.Unmarshal(line, &r)
		if r.Request != "sign" {
			k := key.Public().Key()
			return json.NewEncoder(os.Stdout).Encode(map[string]any{"key": k})
		}
		sig, err := key.Sign(context.Background(), r.Message)
		if err != nil {
			return err
		}
		fmt.Printf("{\"sig\":\"%x\"}\n", sig)
	}
	return nil
}

// raw is a signer whose signatures nobody verifies before they are sent.
type raw struct {
	pub  keys.Public
	sign func(context.Context, []byte) ([]byte, error)
}

func (r raw) Public() keys.Public                                      { return r.pub }
func (r raw) Sign(ctx context.Context, message []byte) ([]byte, error) { return r.sign(ctx, message) }

// config names programs that behave in these ways, all with one key. A program
// is good for its public key and changes for its signature: see open.
func config(t *testing.T, how ...string) (signers.Config, keys.Public) {
	t.Helper()
	key, err := keys.Generate(keys.Ed25519, "")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, key.Save(file, keys.SaveOptions{Plain: true}))
	cfg := signers.Config{Signers: map[string][]string{}, Timeout: 20 * time.Second}
	for i, h := range how {
		cfg.Signers["s"+strconv.Itoa(i)] = []string{self(t), "signer", h, file}
	}
	return cfg, key.Public()
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	return path
}

// turned opens a good program that then behaves otherwise.
func turned(t *testing.T, how string, change func(*signers.Config)) (keys.Signer, signers.Config) {
	t.Helper()
	cfg, pub := config(t, "good")
	if change != nil {
		change(&cfg)
	}
	argv := cfg.Signers["s0"]
	signer, err := signers.Open(context.Background(), cfg, "s0", "")
	require.NoError(t, err)
	require.Equal(t, pub.ID(), signer.Public().ID())
	argv[2] = how // the same list
	return signer, cfg
}

func TestSigns(t *testing.T) {
	var mu sync.Mutex
	var shown []string
	cfg, pub := config(t, "good")
	cfg.Stderr = func(signer, line string) {
		mu.Lock()
		defer mu.Unlock()
		shown = append(shown, signer+": "+line)
	}
	ctx := context.Background()
	signer, err := keys.OpenURI(ctx, "exec:s0", keys.URIConfig{Name: "alice", Openers: map[string]keys.URIOpener{"exec": signers.Opener(cfg)}})
	require.NoError(t, err)
	assert.True(t, signer.Public().Same(pub))
	assert.Equal(t, "alice", signer.Public().Name())
	assert.Equal(t, []string{"s0: touch [31mit", "s0: now"}, shown, "made harmless, line by line")

	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			message := []byte(strings.Repeat("m", 1+i<<20))
			sig, err := signer.Sign(ctx, message)
			if assert.NoError(t, err) {
				assert.NoError(t, pub.Verify(message, sig))
			}
		})
	}
	all.Wait()

	results, err := signers.Check(ctx, cfg, "s0")
	require.NoError(t, err)
	assert.Len(t, results, 10)
	for _, r := range results {
		assert.NoError(t, r.Err, r.Name)
	}
}

// Whatever a program does wrong is one clear line, and no signature.
func TestBadSigners(t *testing.T) {
	short := func(cfg *signers.Config) { cfg.Timeout = 3 * time.Second }
	for how, test := range map[string]struct {
		says   string
		is     error
		change func(*signers.Config)
	}{
		"hangs":                        {says: "no answer in 3s, it was stopped", change: short},
		"goes on after its answer":     {says: "it did not end within 5s of its answer"},
		"prints megabytes":             {says: "prints a line of more than 65536 bytes"},
		"complains at length":          {says: "it ended without an answer (exit status 3): no token"},
		"prints text":                  {says: "its answer is not of the form that docs/signers.md describes"},
		"answers two things":           {says: `must hold one of "key", "sig", "error" and "ask"`},
		"answers something unknown":    {says: "signature"},
		"answers no hexadecimal":       {says: "its signature is not in hexadecimal digits"},
		"answers a key twice":          {says: "it prints more than its answer"},
		"fails after its answer":       {says: "its answer does not count, because it failed afterwards: exit status 3"},
		"dies":                         {says: "it ended without an answer (exit status 3): the token was pulled out"},
		"dies in the middle of a line": {says: "it ended without an answer (exit status 3): the token was pulled out"},
		"signs something else":         {says: "what the signer returned is unusable", is: keys.ErrBadSignature},
		"signs with another key":       {says: "what the signer returned is unusable", is: keys.ErrBadSignature},
		"lies about its key":           {says: `answers the request "sign" with something other than "sig"`},
		"asks for a PIN":               {says: `it asks "PIN of the token rstuf: all is well", and there is nobody to ask`},
		"nothing at all":               {says: "it ended without an answer"},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			signer, _ := turned(t, how, test.change)
			sig, err := signer.Sign(context.Background(), []byte("message"))
			assert.Nil(t, sig)
			require.ErrorContains(t, err, test.says)
			assert.NotContains(t, err.Error(), "\n")
			assert.Less(t, len(err.Error()), 700)
			if test.is != nil {
				assert.ErrorIs(t, err, test.is)
			}
		})
	}
}

func TestBadKeys(t *testing.T) {
	for how, says := range map[string]string{
		"lies about its key":        "its public key: key",
		"has a key of another kind": "cannot be verified here",
		"answers no hexadecimal":    `answers the request "public" with something other than "key"`,
		"dies":                      "the token was pulled out",
	} {
		cfg, _ := config(t, how)
		_, err := signers.Open(context.Background(), cfg, "s0", "")
		assert.ErrorContains(t, err, says, how)
	}
}

// A PIN reaches the program alone: a program that repeats it is not repeated.
func TestPIN(t *testing.T) {
	var shown []string
	var questions []signers.Question
	given := pin
	signer, _ := turned(t, "asks for a PIN", func(cfg *signers.Config) {
		cfg.Stderr = func(_, line string) { shown = append(shown, line) }
		cfg.Ask = func(_ context.Context, q signers.Question) ([]byte, error) {
			questions = append(questions, q)
			return []byte(given), nil
		}
	})
	_, err := signer.Sign(context.Background(), []byte("message"))
	require.NoError(t, err)
	assert.Equal(t, []signers.Question{{Signer: "s0", Prompt: "PIN of the token rstuf: all is well", Try: 1}}, questions)

	given, shown = "4321", nil
	_, err = signer.Sign(context.Background(), []byte("message"))
	assert.ErrorIs(t, err, signers.ErrRefused)
	assert.ErrorContains(t, err, "the PIN (redacted) is wrong, 2 tries are left")
	assert.NotContains(t, err.Error(), given)
	assert.Equal(t, []string{"got (redacted)"}, shown)

	signer, _ = turned(t, "asks for ever", func(cfg *signers.Config) {
		cfg.Ask = func(_ context.Context, q signers.Question) ([]byte, error) {
			assert.LessOrEqual(t, q.Try, 5)
			return []byte(given), nil
		}
	})
	_, err = signer.Sign(context.Background(), []byte("message"))
	assert.ErrorContains(t, err, "it asks more than 5 times")

	signer, _ = turned(t, "asks for a PIN", func(cfg *signers.Config) {
		cfg.Ask = func(context.Context, signers.Question) ([]byte, error) { return nil, io.EOF }
	})
	_, err = signer.Sign(context.Background(), []byte("message"))
	assert.ErrorIs(t, err, io.EOF)
}

// A program is killed with all that it has started, when its time is over and
// when the caller does not want it any more.
func TestKilledAsAWhole(t *testing.T) {
	signer, cfg := turned(t, "hangs with a child", nil)
	ctx, cancel := context.WithCancel(context.Background())
	file := cfg.Signers["s0"][3] + ".child"
	done := make(chan error, 1)
	go func() {
		_, err := signer.Sign(ctx, []byte("message"))
		done <- err
	}()
	var pid int
	require.Eventually(t, func() bool {
		data, err := os.ReadFile(file)
		if err == nil {
			pid, err = strconv.Atoi(string(data))
		}
		return err == nil
	}, 20*time.Second, 5*time.Millisecond)
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
	assert.Eventually(t, func() bool { return gone(pid) }, 10*time.Second, 5*time.Millisecond, "the child of the program is still there")
}

// gone tells whether a process has ended; one that nobody has waited for yet
// has.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestNames(t *testing.T) {
	cfg := signers.Config{Signers: map[string][]string{
		"yubi": {"/nowhere/at-all"}, "empty": {}, "relative": {"./signer"}, "path": {"no-such-program-in-path"}, "a b": {"/bin/true"},
	}}
	for name, says := range map[string]string{
		"other":         "no such signer is configured: the configuration names a b, empty, path, relative, yubi",
		"yubi":          "it cannot be started: ",
		"path":          "it cannot be started: ",
		"empty":         "gives it no program",
		"relative":      "depends on the working folder",
		"a b":           "a name is letters",
		"/bin/sh":       "a name is letters",
		"yubi -c x":     "a name is letters",
		"":              "a name is letters",
		"..":            "a name is letters",
		"yubi\nsigned?": "a name is letters",
	} {
		_, err := keys.OpenURI(context.Background(), "exec:"+name, keys.URIConfig{Openers: map[string]keys.URIOpener{"exec": signers.Opener(cfg)}})
		assert.ErrorContains(t, err, says, name)
	}
	_, err := signers.Open(context.Background(), signers.Config{}, "yubi", "")
	assert.ErrorIs(t, err, signers.ErrUnknown)
	_, err = signers.Check(context.Background(), signers.Config{}, "yubi")
	assert.ErrorIs(t, err, signers.ErrUnknown)

	// Without a configuration nobody's URI runs anything.
	_, err = keys.OpenURI(context.Background(), "exec:yubi", keys.URIConfig{})
	assert.ErrorIs(t, err, keys.ErrUnsupported)
	assert.ErrorContains(t, err, "keys/exec")
}

// The conformance test finds what the exchange forbids.
func TestCheckFinds(t *testing.T) {
	for how, want := range map[string]string{
		"signs whatever it is asked for": "refuses a request that it does not know",
		"signs something else":           "signs a short text",
		"hangs":                          "gives a public key",
	} {
		cfg, _ := config(t, how)
		if how == "hangs" {
			cfg.Timeout = 200 * time.Millisecond
		}
		results, err := signers.Check(context.Background(), cfg, "s0")
		require.NoError(t, err)
		require.NotEmpty(t, results)
		last := results[len(results)-1]
		assert.Equal(t, want, last.Name, how)
		assert.Error(t, last.Err, how)
	}
}
