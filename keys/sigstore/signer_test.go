package sigstore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/sigstore"
	"example.org/rstuf/keys/sigstore/sigstoretest"
)

const (
	carol  = "carol@example.com"
	issuer = "https://accounts.example.com"
)

var message = []byte(`{"_type":"root"}`)

// carols are the claims of a good token.
var carols = sigstoretest.Claims{Issuer: issuer, Subject: "1234", Email: carol}

func newInstance(t testing.TB) *sigstoretest.Instance {
	instance := sigstoretest.New()
	t.Cleanup(instance.Close)
	return instance
}

// configOf signs with a token.
func configOf(instance *sigstoretest.Instance, token string) sigstore.Config {
	return sigstore.Config{
		Fulcio: instance.URL, Rekor: instance.URL, Timeout: 10 * time.Second,
		Token: func(context.Context, string) (string, error) { return token, nil },
	}
}

func verifierOf(t testing.TB, instance *sigstoretest.Instance) *sigstore.Verifier {
	verifier, err := sigstore.NewVerifier(instance.TrustedRoot)
	require.NoError(t, err)
	return verifier
}

func TestSign(t *testing.T) {
	instance := newInstance(t)
	verifier := verifierOf(t, instance)
	gitHub := map[string]any{"job_workflow_ref": "rstuf/demo/.github/workflows/sign.yml@refs/heads/main"}
	gitLab := map[string]any{"ci_config_ref_uri": "gitlab.com/rstuf/demo//.gitlab-ci.yml@refs/heads/main"}
	for name, test := range map[string]struct {
		claims           sigstoretest.Claims
		identity, issuer string
		stamped          bool
	}{
		"an e-mail address": {carols, carol, issuer, false},
		"with a timestamp":  {carols, carol, issuer, true},
		"a subject":         {sigstoretest.Claims{Issuer: issuer, Subject: "spiffe://example.com/ci"}, "spiffe://example.com/ci", issuer, false},
		"by a broker": {sigstoretest.Claims{Issuer: "https://oauth2.example.com/auth", Subject: "x", Email: carol,
			Extra: map[string]any{"federated_claims": map[string]any{"connector_id": issuer}}}, carol, issuer, false},
		"GitHub": {sigstoretest.Claims{Issuer: "https://token.actions.githubusercontent.com", Subject: "repo:rstuf/demo:ref:refs/heads/main", Extra: gitHub,
			SAN: "https://github.com/rstuf/demo/.github/workflows/sign.yml@refs/heads/main"},
			"https://github.com/rstuf/demo/.github/workflows/sign.yml@refs/heads/main", "https://token.actions.githubusercontent.com", false},
		"GitLab": {sigstoretest.Claims{Issuer: "https://gitlab.com", Subject: "project_path:rstuf/demo:ref_type:branch:ref:main", Extra: gitLab,
			SAN: "https://gitlab.com/rstuf/demo//.gitlab-ci.yml@refs/heads/main"},
			"https://gitlab.com/rstuf/demo//.gitlab-ci.yml@refs/heads/main", "https://gitlab.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			config := configOf(instance, instance.Token(test.claims)+"\n")
			if test.stamped {
				config.Timestamp = instance.TimestampURL
			}
			key := keys.Sigstore(test.identity, test.issuer, "carol")
			signer, err := sigstore.NewSigner(key, verifier, config)
			require.NoError(t, err)
			assert.Equal(t, key, signer.Public())
			bundle, err := signer.Sign(t.Context(), message)
			require.NoError(t, err)
			assert.NoError(t, verifier.Verify(test.identity, test.issuer, message, bundle))
			assert.ErrorIs(t, verifier.Verify(test.identity, test.issuer, []byte("other"), bundle), keys.ErrBadSignature)
			assert.Equal(t, test.stamped, strings.Contains(string(bundle), "rfc3161Timestamps"))
		})
	}
}

// TestRefusedToken: a token that is not the key's is sent nowhere.
func TestRefusedToken(t *testing.T) {
	instance := newInstance(t)
	instance.Intercept(func(http.ResponseWriter, *http.Request) bool {
		t.Error("something was sent")
		return false
	})
	claims := func(change func(*sigstoretest.Claims)) string {
		c := carols
		change(&c)
		return instance.Token(c)
	}
	good := instance.Token(carols)
	for name, test := range map[string]struct{ token, want string }{
		"other identity":    {claims(func(c *sigstoretest.Claims) { c.Email = "dan@example.com" }), "the token is of dan@example.com at"},
		"other letters":     {claims(func(c *sigstoretest.Claims) { c.Email = "Carol@example.com" }), "the token is of Carol@example.com at"},
		"other issuer":      {claims(func(c *sigstoretest.Claims) { c.Issuer += "/" }), "and the key of carol@example.com at https://accounts.example.com: nothing was sent"},
		"expired":           {claims(func(c *sigstoretest.Claims) { c.Expires = time.Now().Add(-time.Second) }), "it has expired at "},
		"other audience":    {claims(func(c *sigstoretest.Claims) { c.Audience = "sts.example.com" }), `not made for the audience "sigstore"`},
		"address unproven":  {claims(func(c *sigstoretest.Claims) { c.Extra = map[string]any{"email_verified": false} }), "has not verified"},
		"no subject":        {claims(func(c *sigstoretest.Claims) { c.Subject, c.Email = "", "" }), "not of the form"},
		"without an end":    {claims(func(c *sigstoretest.Claims) { c.Extra = map[string]any{"exp": nil} }), "it has expired"},
		"no token":          {"", "not of the form"},
		"no JWT":            {"a.b", "not of the form"},
		"with a line break": {good + "\nX: y." + "z", "not of the form"},
		"a part is no text": {"!!." + strings.Split(good, ".")[1] + ".a", "not of the form"},
		"claims no JSON":    {"aaaa.aaaa.aaaa", "not of the form"},
	} {
		signer, err := sigstore.NewSigner(keys.Sigstore(carol, issuer, "carol"), verifierOf(t, instance), configOf(instance, test.token))
		require.NoError(t, err, name)
		_, err = signer.Sign(t.Context(), message)
		require.ErrorContains(t, err, test.want, name)
		noSecret(t, err, test.token)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	signer, err := sigstore.NewSigner(keys.Sigstore(carol, issuer, "carol"), verifierOf(t, instance), configOf(instance, good))
	require.NoError(t, err)
	_, err = signer.Sign(ended, message)
	assert.ErrorIs(t, err, context.Canceled)
}

// noSecret wants one line without any part of a token.
func noSecret(t testing.TB, err error, token string) {
	t.Helper()
	assert.NotContains(t, err.Error(), "\n")
	for part := range strings.SplitSeq(token, ".") {
		if len(part) > 8 {
			assert.NotContains(t, err.Error(), part)
		}
	}
}

// TestBrokenServices: whatever a service answers, there is one line, which holds
// neither the token nor the answer, and no signature.
func TestBrokenServices(t *testing.T) {
	const fulcio, rekor, stamps = "/api/v2/signingCert", "/api/v1/log/entries", "/timestamp"
	instance := newInstance(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	token := instance.Token(carols)
	answers := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}
	}
	certificate := func(change func(public *ecdsa.PublicKey) any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { _ = json.NewEncoder(w).Encode(change(requested(t, r))) }
	}
	never := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that its client is gone
		<-r.Context().Done()
	}
	for name, test := range map[string]struct {
		path   string
		answer http.HandlerFunc
		want   string
	}{
		"Fulcio refuses":   {fulcio, answers(403, "no: "+token), "certificate from Fulcio: it refuses (status 403)"},
		"Fulcio is broken": {fulcio, answers(500, token), "it answers with status 500"},
		"Fulcio redirects": {fulcio, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/"+token, http.StatusTemporaryRedirect)
		}, "status 307"},
		"Fulcio is slow":          {fulcio, never, "certificate from Fulcio: no answer in 300ms"},
		"Fulcio drips":            {fulcio, drip, "no answer in 300ms"},
		"Fulcio answers too much": {fulcio, answers(200, strings.Repeat(token, 1<<10)), "larger than 131072 bytes"},
		"Fulcio talks nonsense":   {fulcio, answers(200, "<html>"+token), "not what such a service sends"},
		"Fulcio answers nothing":  {fulcio, answers(200, "{}"), "not what such a service sends"},
		"Fulcio sends no PEM":     {fulcio, answers(200, `{"signedCertificateEmbeddedSct":{"chain":{"certificates":["`+token+`"]}}}`), "not what such a service sends"},
		"Fulcio speaks no HTTP":   {fulcio, noHTTP(token), "the connection broke off, or its answer is no HTTP"},
		"certificate of another key": {fulcio, certificate(func(*ecdsa.PublicKey) any {
			return instance.Certificate(other.Public(), carol, issuer)
		}), "it is for another key than ours"},
		"certificate of another identity": {fulcio, certificate(func(public *ecdsa.PublicKey) any {
			return instance.Certificate(public, "dan@example.com", issuer)
		}), "it is of dan@example.com at"},
		"certificate of another issuer": {fulcio, certificate(func(public *ecdsa.PublicKey) any {
			return instance.Certificate(public, carol, issuer+"/")
		}), "it is of carol@example.com at https://accounts.example.com/,"},
		"certificate of another authority": {fulcio, certificate(func(public *ecdsa.PublicKey) any {
			return newInstance(t).Certificate(public, carol, issuer)
		}), "not with this trusted root"},
		"Rekor is down":         {rekor, answers(503, token), "entry in Rekor's log: it answers with status 503"},
		"Rekor is slow":         {rekor, never, "no answer in 300ms"},
		"Rekor talks nonsense":  {rekor, answers(201, "[]"), "not what such a service sends"},
		"Rekor answers nothing": {rekor, answers(201, "{}"), "not what such a service sends"},
		"Rekor has no proof":    {rekor, answers(201, `{"a":{"body":"","logID":"00"}}`), "not what such a service sends"},
		"Rekor lies":            {rekor, answers(201, `{"a":{"body":"e30=","integratedTime":1,"logID":"00","verification":{"inclusionProof":{"rootHash":"00"}}}}`), "what the services made is unusable"},
		"no time":               {stamps, answers(500, ""), "time from the timestamp authority: it answers with status 500"},
		"a time that is none":   {stamps, answers(200, token), "not what such a service sends"},
	} {
		t.Run(name, func(t *testing.T) {
			config := configOf(instance, token)
			config.Timestamp, config.Timeout = instance.TimestampURL, 300*time.Millisecond
			signer, err := sigstore.NewSigner(keys.Sigstore(carol, issuer, "carol"), verifierOf(t, instance), config)
			require.NoError(t, err)
			instance.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != test.path {
					return false
				}
				test.answer(w, r)
				return true
			})
			before := instance.Entries()
			sig, err := signer.Sign(t.Context(), message)
			require.ErrorContains(t, err, test.want)
			noSecret(t, err, token)
			assert.Nil(t, sig)
			if test.path == fulcio && !strings.Contains(name, "authority") {
				assert.Equal(t, before, instance.Entries(), "nothing went to the log")
			}
		})
	}
	instance.Intercept(nil)
	down := configOf(instance, token)
	down.Rekor = "http://127.0.0.1:1"
	signer, err := sigstore.NewSigner(keys.Sigstore(carol, issuer, "carol"), verifierOf(t, instance), down)
	require.NoError(t, err)
	_, err = signer.Sign(t.Context(), message)
	assert.ErrorContains(t, err, "entry in Rekor's log: dial tcp 127.0.0.1:1")

	instance.Intercept(func(_ http.ResponseWriter, r *http.Request) bool { never(nil, r); return true })
	waited, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	signer, err = sigstore.NewSigner(keys.Sigstore(carol, issuer, "carol"), verifierOf(t, instance), configOf(instance, token))
	require.NoError(t, err)
	_, err = signer.Sign(waited, message)
	assert.ErrorIs(t, err, context.DeadlineExceeded, "the caller's context is heard")
}

// drip sends a byte at a time.
func drip(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	for r.Context().Err() == nil {
		_, _ = w.Write([]byte(" "))
		_ = http.NewResponseController(w).Flush()
		time.Sleep(10 * time.Millisecond)
	}
}

// noHTTP answers with a text alone.
func noHTTP(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = conn.Write([]byte(text + "\r\n\r\n"))
			_ = conn.Close()
		}
	}
}

// TestRunnerToken: what a CI runner's environment gives.
func TestRunnerToken(t *testing.T) {
	instance := newInstance(t)
	instance.Runner(carols)
	env := map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": instance.TokenURL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": sigstoretest.RunnerSecret}
	get := func(name string) string { return env[name] }
	config := configOf(instance, "")
	config.Token = sigstore.RunnerToken(get)
	signer, err := sigstore.NewSigner(keys.Sigstore(carol, issuer, "carol"), verifierOf(t, instance), config)
	require.NoError(t, err)
	_, err = signer.Sign(t.Context(), message)
	require.NoError(t, err, "GitHub's runner")

	env["SIGSTORE_ID_TOKEN"] = instance.Token(sigstoretest.Claims{Issuer: issuer, Subject: "1", Email: "dan@example.com"})
	_, err = signer.Sign(t.Context(), message)
	require.ErrorContains(t, err, "dan@example.com", "the variable comes first")
	delete(env, "SIGSTORE_ID_TOKEN")

	for name, answer := range map[string]func(http.ResponseWriter){
		"refuses":  func(w http.ResponseWriter) { http.Error(w, sigstoretest.RunnerSecret, http.StatusUnauthorized) },
		"nonsense": func(w http.ResponseWriter) { _, _ = w.Write([]byte(sigstoretest.RunnerSecret)) },
		"nothing":  func(w http.ResponseWriter) { _, _ = w.Write([]byte("{}")) },
		"too much": func(w http.ResponseWriter) { _, _ = w.Write([]byte(strings.Repeat(sigstoretest.RunnerSecret, 1<<14))) },
	} {
		instance.Intercept(func(w http.ResponseWriter, _ *http.Request) bool { answer(w); return true })
		_, err = signer.Sign(t.Context(), message)
		require.ErrorContains(t, err, "OIDC token: from the CI runner: ", name)
		noSecret(t, err, sigstoretest.RunnerSecret)
	}
	env["ACTIONS_ID_TOKEN_REQUEST_URL"] = "http://user:" + sigstoretest.RunnerSecret + "@runner.example.com/"
	_, err = signer.Sign(t.Context(), message)
	require.ErrorContains(t, err, "ACTIONS_ID_TOKEN_REQUEST_URL: want a URL")
	noSecret(t, err, sigstoretest.RunnerSecret)
	clear(env)
	_, err = signer.Sign(t.Context(), message)
	assert.ErrorContains(t, err, "id-token: write")
}

func TestOpener(t *testing.T) {
	instance := newInstance(t)
	open := func(uri string, config sigstore.Config) (keys.Signer, error) {
		return keys.OpenURI(t.Context(), uri, keys.URIConfig{Openers: map[string]keys.URIOpener{"sigstore": sigstore.Opener(verifierOf(t, instance), config)}})
	}
	for _, uri := range []string{"sigstore:", "sigstore:?ambient=true"} {
		signer, err := open(uri, configOf(instance, instance.Token(carols)))
		require.NoError(t, err)
		assert.True(t, signer.Public().Same(keys.Sigstore(carol, issuer, "carol")))
		_, err = signer.Sign(t.Context(), message)
		assert.NoError(t, err)
	}
	for _, uri := range []string{"sigstore:?ambient=false", "sigstore:carol"} {
		_, err := open(uri, configOf(instance, instance.Token(carols)))
		assert.ErrorIs(t, err, keys.ErrUnsupported, uri)
	}
	none := configOf(instance, "")
	none.Token = func(context.Context, string) (string, error) { return "", errors.New("nobody is logged in") }
	_, err := open("sigstore:", none)
	assert.ErrorContains(t, err, "OIDC token: nobody is logged in")
}

func TestNewSigner(t *testing.T) {
	instance := newInstance(t)
	alice, err := keys.Generate(keys.Ed25519, "alice")
	require.NoError(t, err)
	key := keys.Sigstore(carol, issuer, "carol")
	for name, change := range map[string]func(*sigstore.Config){
		"no token":           func(c *sigstore.Config) { c.Token = nil },
		"no Fulcio":          func(c *sigstore.Config) { c.Fulcio = "" },
		"no Rekor":           func(c *sigstore.Config) { c.Rekor = "" },
		"in clear text":      func(c *sigstore.Config) { c.Fulcio = "http://fulcio.example.com" },
		"a password":         func(c *sigstore.Config) { c.Rekor = "https://user:swordfish@rekor.example.com" },
		"another kind":       func(c *sigstore.Config) { c.Rekor = "file:///swordfish" },
		"a time from nobody": func(c *sigstore.Config) { c.Timestamp = "https://" },
	} {
		config := configOf(instance, "")
		change(&config)
		_, err := sigstore.NewSigner(key, verifierOf(t, instance), config)
		require.Error(t, err, name)
		noSecret(t, err, "swordfish")
	}
	_, err = sigstore.NewSigner(alice.Public(), verifierOf(t, instance), configOf(instance, ""))
	assert.ErrorIs(t, err, keys.ErrUnsupported)
	_, err = sigstore.NewSigner(key, nil, configOf(instance, ""))
	assert.Error(t, err)
}

// requested is the key of a request to Fulcio.
func requested(t testing.TB, r *http.Request) *ecdsa.PublicKey {
	public, err := sigstoretest.RequestedKey(r)
	require.NoError(t, err)
	return public
}
