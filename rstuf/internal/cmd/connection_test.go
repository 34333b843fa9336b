package cmd

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writePEM writes blocks to a file and returns its name.
func writePEM(t *testing.T, blocks ...*pem.Block) string {
	t.Helper()
	var data []byte
	for _, block := range blocks {
		data = append(data, pem.EncodeToMemory(block)...)
	}
	name := filepath.Join(t.TempDir(), "file.pem")
	require.NoError(t, os.WriteFile(name, data, 0o600))
	return name
}

// TestPrivateAuthority: a server with a certificate of its own authority, which
// lets in only who shows a certificate.
func TestPrivateAuthority(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certBlock, keyBlock := &pem.Block{Type: "CERTIFICATE", Bytes: der}, &pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}
	certFile, keyFile, both := writePEM(t, certBlock), writePEM(t, keyBlock), writePEM(t, certBlock, keyBlock)

	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"data": {"task_id": "4c6f", "state": "SUCCESS", "result": null}}`)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	server.TLS.ClientCAs.AddCert(cert)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	ca := writePEM(t, &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})

	for _, test := range []struct {
		flags []string
		code  int
		err   string
	}{
		{[]string{"--ca-file", ca, "--client-cert", certFile, "--client-key", keyFile}, 0, ""},
		{[]string{"--ca-file", ca, "--client-cert", both}, 0, ""},
		{[]string{"--client-cert", both}, 1, "certificate"},
		{[]string{"--ca-file", ca}, 1, "certificate"},
		{[]string{"--ca-file", keyFile}, 1, "holds no certificate"},
		{[]string{"--ca-file", ca + ".none"}, 1, "no such file"},
		{[]string{"--client-cert", certFile}, 1, "private key"},
		{[]string{"--client-key", keyFile}, 2, "needs --client-cert"},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"task", "info", "4c6f", "--api-server", server.URL, "-c", filepath.Join(t.TempDir(), "none")}, test.flags...)
		code := run(t.Context(), Parts{}, args, strings.NewReader(""), &out, &errs)
		assert.Equal(t, test.code, code, "%v: %s", test.flags, errs.String())
		assert.Contains(t, errs.String(), test.err)
	}
}
