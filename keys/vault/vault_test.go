package vault_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/vault"
)

const token = "s.hvs-test-token"

// double is a transit engine's HTTP API as far as signing needs it. Each key
// has one version, number 2.
type double struct {
	t    assert.TestingT
	keys map[string]*keys.Private
}

func (d double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		assert.NoError(d.t, json.NewEncoder(w).Encode(body))
	}
	refuse := func(status int, messages ...string) { answer(status, map[string]any{"errors": messages}) }
	if r.Header.Get("X-Vault-Token") != token || r.Header.Get("X-Vault-Namespace") != "team" {
		refuse(http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
		return
	}
	action, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/custom/"), "/")
	key := d.keys[name]
	switch {
	case key == nil:
		refuse(http.StatusNotFound)
	case r.Method == http.MethodGet && action == "keys":
		answer(http.StatusOK, map[string]any{"data": map[string]any{
			"type": name, "latest_version": 2,
			"keys": map[string]any{"2": map[string]any{"public_key": publicKey(key), "name": name}},
		}})
	case r.Method == http.MethodPost && action == "sign":
		sig, err := d.sign(r, key)
		if err != nil {
			refuse(http.StatusBadRequest, err.Error())
			return
		}
		answer(http.StatusOK, map[string]any{"data": map[string]any{
			"key_version": 2, "signature": "vault:v2:" + base64.StdEncoding.EncodeToString(sig),
		}})
	default:
		refuse(http.StatusMethodNotAllowed, "unsupported operation")
	}
}

// publicKey is in base64 for ed25519 and PEM for the others.
func publicKey(key *keys.Private) string {
	public := key.Public().Key().Public()
	if key.Public().Key().KeyType != keys.KeyTypeEd25519 {
		return public
	}
	var raw []byte
	_, err := fmt.Sscanf(public, "%x", &raw)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func (d double) sign(r *http.Request, key *keys.Private) ([]byte, error) {
	var request struct {
		Input      []byte `json:"input"`
		KeyVersion int    `json:"key_version"`
		Hash       string `json:"hash_algorithm"`
		Signature  string `json:"signature_algorithm"`
		Marshaling string `json:"marshaling_algorithm"`
		Salt       string `json:"salt_length"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		return nil, err
	}
	want := map[string]string{"ecdsa-sha2-nistp256": "sha2-256", "ecdsa-sha2-nistp384": "sha2-384", "rsassa-pss-sha256": "sha2-256"}
	scheme := key.Public().Key().Scheme
	if request.KeyVersion != 2 || request.Hash != want[scheme] || request.Marshaling != "asn1" ||
		(scheme == "rsassa-pss-sha256") != (request.Signature == "pss" && request.Salt == "hash") {
		return nil, fmt.Errorf("unsupported parameters %+v", request)
	}
	return key.Sign(r.Context(), request.Input)
}

func start(t *testing.T, handler http.Handler) vault.Config {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return vault.Config{
		Address:   server.URL,
		Token:     func(context.Context) (string, error) { return token, nil },
		Mount:     "custom",
		Namespace: "team",
	}
}

func TestSign(t *testing.T) {
	t.Parallel()
	d := double{t, map[string]*keys.Private{}}
	for _, kind := range []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.ECDSAP384, keys.RSA2048} {
		key, err := keys.Generate(kind, "")
		require.NoError(t, err)
		d.keys[string(kind)] = key
	}
	cfg := start(t, d)
	ctx := context.Background()
	for name, key := range d.keys {
		signer, err := keys.OpenURI(ctx, "hv:"+name+"/2", keys.URIConfig{
			Name: "online", Openers: map[string]keys.URIOpener{"hv": vault.Opener(cfg)},
		})
		require.NoError(t, err, name)
		assert.Equal(t, key.Public().ID(), signer.Public().ID())
		assert.Equal(t, "online", signer.Public().Name())
		sig, err := signer.Sign(ctx, []byte("message"))
		require.NoError(t, err, name)
		assert.NoError(t, key.Public().Verify([]byte("message"), sig))
	}

	for uri, says := range map[string]string{
		"hv:ed25519": "hv:<name>/<version>", "hv:ed25519/x": "hv:<name>/<version>", "hv:ed25519/2/3": "hv:<name>/<version>",
		"hv:ed25519/0": "count from 1", "hv:ed25519/1": "no public key of that version", "hv:missing/2": "404",
		"hv:/2": "letters", "hv:../2": "letters", "hv:a%2fb/2": "letters",
	} {
		_, err := vault.Opener(cfg)(ctx, uri, keys.URIConfig{})
		assert.ErrorContains(t, err, says, uri)
	}
	pq, err := keys.Generate(keys.MLDSA65, "")
	require.NoError(t, err)
	d.keys["pq"] = pq
	_, err = vault.Open(ctx, cfg, "pq", 2, "")
	assert.ErrorIs(t, err, keys.ErrUnsupported)
	cfg.Token = func(context.Context) (string, error) { return "wrong", nil }
	_, err = vault.Open(ctx, cfg, "ed25519", 2, "")
	assert.ErrorContains(t, err, "403")
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), "wrong")
	_, err = vault.Open(ctx, vault.Config{}, "ed25519", 2, "")
	assert.ErrorContains(t, err, "Address and Token")
}

// Whatever a server answers, the signer returns a good signature or an error.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	key, err := keys.Generate(keys.Ed25519, "")
	require.NoError(t, err)
	good := double{t, map[string]*keys.Private{"ed25519": key}}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a redirect was followed, with the token")
	}))
	defer elsewhere.Close()
	var bad http.HandlerFunc
	cfg := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			good.ServeHTTP(w, r)
			return
		}
		bad(w, r)
	}))
	signer, err := vault.Open(context.Background(), cfg, "ed25519", 2, "")
	require.NoError(t, err)
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
	}
	for name, handler := range map[string]http.HandlerFunc{
		"empty":         body(""),
		"html":          body("<html>"),
		"no data":       body("{}"),
		"no prefix":     body(`{"data":{"signature":"AAAA"}}`),
		"other version": body(`{"data":{"signature":"vault:v1:AAAA"}}`),
		"not base64":    body(`{"data":{"signature":"vault:v2:!!"}}`),
		"wrong":         body(`{"data":{"signature":"vault:v2:` + strings.Repeat("A", 88) + `"}}`),
		"endless":       body(strings.Repeat(" ", 2<<20)),
		"long and rude": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"errors":["\u001b[2J%s"]}`, strings.Repeat("x", 100_000))
		},
		"sealed": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
	} {
		bad = handler
		sig, err := signer.Sign(context.Background(), []byte("m"))
		require.Error(t, err, name)
		assert.Nil(t, sig, name)
		assert.Less(t, len(err.Error()), 1000, name)
		assert.NotContains(t, err.Error(), "\x1b", name)
	}
}

// An address can hold a password, also one that is no address.
func TestBadAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"https://me:hunter2@host:port", "https://me:hunter2@host/%zz", "me:hunter2@host", "https://me:hunter2@127.0.0.1:1"} {
		cfg := vault.Config{Address: address, Token: func(context.Context) (string, error) { return token, nil }}
		_, err := vault.Open(context.Background(), cfg, "online", 1, "")
		require.Error(t, err, address)
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

func TestSignIsCutShortByItsContext(t *testing.T) {
	t.Parallel()
	key, err := keys.Generate(keys.Ed25519, "")
	require.NoError(t, err)
	good := double{t, map[string]*keys.Private{"ed25519": key}}
	arrived, release := make(chan struct{}), make(chan struct{})
	cfg := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			good.ServeHTTP(w, r)
			return
		}
		close(arrived)
		<-release
	}))
	defer close(release)
	cfg.HTTPClient = &http.Client{Timeout: time.Minute}
	signer, err := vault.Open(context.Background(), cfg, "ed25519", 2, "")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-arrived
		cancel()
	}()
	_, err = signer.Sign(ctx, []byte("m"))
	assert.ErrorIs(t, err, context.Canceled)
}
