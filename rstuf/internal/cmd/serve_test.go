package cmd

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// served is a running "rstuf serve".
type served struct {
	serving
	cmd    *exec.Cmd
	stderr *bytes.Buffer
}

// startServe starts the command on free ports and waits until it serves.
func startServe(t *testing.T, dir string, args ...string) *served {
	t.Helper()
	s := &served{cmd: exec.Command("rstuf", append([]string{"serve", "--json", "--listen", "127.0.0.1:0",
		"--metadata-listen", "127.0.0.1:0", "--artifacts-listen", "127.0.0.1:0"}, args...)...), stderr: new(bytes.Buffer)}
	s.cmd.Dir, s.cmd.Stderr = dir, s.stderr
	stdout, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() { s.cmd.Process.Kill() })
	if err := json.NewDecoder(stdout).Decode(&s.serving); err != nil {
		s.cmd.Wait()
		t.Fatalf("it did not begin to serve: %v: %s", err, s.stderr)
	}
	return s
}

// stop interrupts the command as Ctrl-C does and gives its exit code.
func (s *served) stop(t *testing.T) int {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGINT))
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	require.NoError(t, err)
	return 0
}

// command runs the command and gives all that it wrote.
func command(t *testing.T, dir string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command("rstuf", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	}
	require.NoError(t, err)
	return string(out), 0
}

// TestServeDev tries out what --dev prints: add a file, download it; and goes
// on in a second run where the first one stopped.
func TestServeDev(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServe(t, dir, "--dev", "--dir", "demo")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "demo", "artifacts", "a.txt"), []byte("hello\n"), 0o644))
	out, code := command(t, dir, "artifact", "--api-server", s.API, "add", "demo/artifacts/a.txt")
	require.Equal(t, 0, code, out)
	out, code = command(t, dir, "artifact", "download", "a.txt", "-r", s.TrustedRoot, "-m", s.Metadata, "-a", s.Artifacts)
	require.Equal(t, 0, code, out)
	assert.FileExists(t, filepath.Join(dir, "downloads", "a.txt"))

	out, code = command(t, dir, "serve", "--dir", "demo", "--listen", "127.0.0.1:0")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "the repository is in use")
	assert.Equal(t, exitDone, s.stop(t), s.stderr)

	s = startServe(t, dir, "--dev", "--dir", "demo")
	out, code = command(t, dir, "artifact", "info", "a.txt", "-r", s.TrustedRoot, "-m", s.Metadata)
	assert.Equal(t, 0, code, out)
	assert.Equal(t, exitDone, s.stop(t), s.stderr)
}

// TestServeEncryptedKey gives the online key by an encrypted file, and tokens.
func TestServeEncryptedKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("password", "swordfish\n")
	for _, args := range [][]string{
		{"key", "generate", "--type", "ed25519", "--file", "online", "--password-file", "password"},
		{"key", "generate", "--type", "ed25519", "--file", "alice", "--plain"},
		{"key", "generate", "--type", "ed25519", "--file", "bob", "--plain"},
	} {
		out, code := command(t, dir, args...)
		require.Equal(t, 0, code, out)
	}
	write("policy.yml", "root_keys: [{name: alice, file: alice.pub}, {name: bob, file: bob.pub}]\nthreshold: 2\nonline_key: {name: online, file: online.pub}\nhash_bins: 4\n")

	out, code := command(t, dir, "serve", "--dir", "repo", "--online-key", "online")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, out, "the password of online")
	out, code = command(t, dir, "serve", "--dir", "repo", "--online-key", "online", "--password-command", "echo wrong")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "wrong password")

	for file, args := range map[string][]string{"write-token": {"admin"}, "read-token": {"monitor", "--may", "read"}} {
		secret, code := command(t, dir, append([]string{"serve", "token", "--tokens", "tokens"}, args...)...)
		require.Equal(t, exitDone, code, secret)
		write(file, secret)
	}
	lines, err := os.ReadFile(filepath.Join(dir, "tokens"))
	require.NoError(t, err)
	readSecret, err := os.ReadFile(filepath.Join(dir, "read-token"))
	require.NoError(t, err)
	secret := strings.TrimSpace(string(readSecret))
	assert.NotContains(t, string(lines), secret, "the file has hashes alone")
	out, code = command(t, dir, "serve", "token", "monitor", "--tokens", "tokens")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "has a token monitor already")

	s := startServe(t, dir, "--dir", "repo", "--online-key", "online", "--password-file", "password", "--tokens", "tokens")
	bootstrap := []string{"admin", "--api-server", s.API, "ceremony", "--policy", "policy.yml", "--defaults", "--key", "alice", "--key", "bob", "--yes"}
	out, code = command(t, dir, bootstrap...)
	assert.Equal(t, exitRefused, code, out)
	out, code = command(t, dir, append(bootstrap, "--token-file", "read-token")...)
	assert.Equal(t, exitRefused, code, out)
	out, code = command(t, dir, append(bootstrap, "--token-file", "write-token")...)
	require.Equal(t, exitDone, code, out)
	out, code = command(t, dir, "admin", "--api-server", s.API, "settings", "get", "-H", "X-A: 1, Authorization: Bearer "+secret)
	require.Equal(t, exitDone, code, out)
	assert.Contains(t, out, "hash bins:  4")
	write(".rstuf.yml", "SERVER: "+s.API+"\nTOKEN_COMMAND: cat read-token\n")
	out, code = command(t, dir, "admin", "settings", "get", "--verbose")
	require.Equal(t, exitDone, code, out)
	assert.NotContains(t, out, secret)
	assert.Equal(t, exitDone, s.stop(t), s.stderr)
	assert.NotContains(t, s.stderr.String(), secret)
	assert.Contains(t, s.stderr.String(), "token=admin")
}

func TestServeTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pool := writeCertificate(t, dir)
	out, code := command(t, dir, "serve", "--dir", "repo", "--tls-cert", "cert.pem")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, out, "go together")

	s := startServe(t, dir, "--dir", "repo", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
	require.True(t, strings.HasPrefix(s.API, "https://"), s.API)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	answer, err := client.Get(s.API + "/api/v1/bootstrap/")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.Equal(t, exitDone, s.stop(t), s.stderr)
}

// writeCertificate makes cert.pem and key.pem for 127.0.0.1.
func writeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}
