// Package sigstoretest is a Sigstore in memory for tests: a certificate authority,
// a transparency log, a timestamp authority, and who gives out tokens.
//
//	instance := sigstoretest.New()
//	defer instance.Close()
//	verifier, err := sigstore.NewVerifier(instance.TrustedRoot)
//	signer, err := sigstore.NewSigner(key, verifier, sigstore.Config{
//		Fulcio: instance.URL, Rekor: instance.URL,
//		Token: func(context.Context, string) (string, error) { return instance.Token(sigstoretest.Claims{...}), nil },
//	})
package sigstoretest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
)

// Instance is a Sigstore.
type Instance struct {
	// URL is that of Fulcio and Rekor alike; TimestampURL is the whole one of the
	// timestamp authority, and TokenURL stands for a CI runner's
	// ACTIONS_ID_TOKEN_REQUEST_URL.
	URL, TimestampURL, TokenURL string
	// TrustedRoot is what a verifier pins. It has no log of certificates.
	TrustedRoot []byte

	server  *httptest.Server
	virtual *ca.VirtualSigstore // the log
	issuing *x509.Certificate   // Fulcio's
	key     *ecdsa.PrivateKey
	stamps  *root.SigstoreTimestampingAuthority
	stamper *ecdsa.PrivateKey

	mu        sync.Mutex
	tokens    map[string]Claims
	runner    Claims
	entries   int
	intercept func(w http.ResponseWriter, r *http.Request) bool
}

// Claims are what a token says. The zero values of Audience and Expires mean
// "sigstore" and in ten minutes.
type Claims struct {
	Issuer   string    `json:"iss"`
	Subject  string    `json:"sub"`
	Email    string    `json:"email,omitempty"`
	Audience string    `json:"aud"`
	Expires  time.Time `json:"-"`
	// Extra are further ones.
	Extra map[string]any `json:"-"`
	// SAN is the identity that Fulcio makes of them; the e-mail address or the
	// subject if it is empty.
	SAN string `json:"-"`
}

// RunnerSecret is what the token endpoint wants to see, a runner's
// ACTIONS_ID_TOKEN_REQUEST_TOKEN.
const RunnerSecret = "secret-of-the-runner"

// New starts an instance. Close ends it.
func New() *Instance {
	i := &Instance{tokens: map[string]Claims{}}
	var err error
	i.virtual, err = ca.NewVirtualSigstore()
	check(err)
	top, topKey, err := ca.GenerateRootCa()
	check(err)
	i.issuing, i.key, err = ca.GenerateFulcioIntermediate(top, topKey)
	check(err)
	between, betweenKey, err := ca.GenerateTSAIntermediate(top, topKey)
	check(err)
	i.stamper, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	leaf, err := ca.GenerateTSALeafCert(time.Now().Add(-time.Minute), i.stamper, between, betweenKey)
	check(err)

	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/signingCert", i.certify)
	mux.HandleFunc("POST /api/v1/log/entries", i.log)
	mux.HandleFunc("POST /timestamp", i.stamp)
	mux.HandleFunc("GET /token", i.giveToken)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		intercept := i.intercept
		i.mu.Unlock()
		if intercept == nil || !intercept(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	i.server = server
	i.URL, i.TimestampURL, i.TokenURL = server.URL, server.URL+"/timestamp", server.URL+"/token?api-version=2"

	start, end := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	i.stamps = &root.SigstoreTimestampingAuthority{
		Root: top, Intermediates: []*x509.Certificate{between}, Leaf: leaf, ValidityPeriodStart: start, ValidityPeriodEnd: end, URI: i.TimestampURL,
	}
	fulcio := &root.FulcioCertificateAuthority{Root: top, Intermediates: []*x509.Certificate{i.issuing}, ValidityPeriodStart: start, ValidityPeriodEnd: end, URI: i.URL}
	logs := i.virtual.RekorLogs()
	for _, log := range logs { // it has the ids in hexadecimal, and a trusted root in bytes
		log.ID, err = hex.DecodeString(string(log.ID))
		check(err)
	}
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01, []root.CertificateAuthority{fulcio}, nil, []root.TimestampingAuthority{i.stamps}, logs)
	check(err)
	i.TrustedRoot, err = trusted.MarshalJSON()
	check(err)
	return i
}

// Close ends it.
func (i *Instance) Close() { i.server.Close() }

// check ends what goes on, in the test or in answering a request.
func check(err error) {
	if err != nil {
		panic("sigstoretest: " + err.Error())
	}
}

// Intercept has all requests go through a function, which tells whether it has
// answered; nil ends that.
func (i *Instance) Intercept(answer func(w http.ResponseWriter, r *http.Request) bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.intercept = answer
}

// Entries is how many entries the log has.
func (i *Instance) Entries() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.entries
}

// Token gives a token, which Fulcio knows.
func (i *Instance) Token(claims Claims) string {
	if claims.Audience == "" {
		claims.Audience = "sigstore"
	}
	if claims.Expires.IsZero() {
		claims.Expires = time.Now().Add(10 * time.Minute)
	}
	data, err := json.Marshal(claims)
	check(err)
	all := map[string]any{"exp": claims.Expires.Unix(), "jti": rand.Text()}
	check(json.Unmarshal(data, &all))
	for name, value := range claims.Extra {
		all[name] = value
	}
	data, err = json.Marshal(all)
	check(err)
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"none"}`)) + "." + encode(data) + "." + encode([]byte(rand.Text()))
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tokens[token] = claims
	return token
}

// Runner says whose tokens the token endpoint gives.
func (i *Instance) Runner(claims Claims) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.runner = claims
}
