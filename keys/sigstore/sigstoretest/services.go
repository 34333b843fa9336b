package sigstoretest

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/sigstore-go/pkg/tlog"
)

func (i *Instance) giveToken(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+RunnerSecret || r.FormValue("api-version") == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	i.mu.Lock()
	claims := i.runner
	i.mu.Unlock()
	claims.Audience = r.FormValue("audience")
	reply(w, http.StatusOK, map[string]string{"value": i.Token(claims)})
}

func (i *Instance) certify(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	i.mu.Lock()
	claims, known := i.tokens[token]
	i.mu.Unlock()
	if !known || !claims.Expires.After(time.Now()) {
		reply(w, http.StatusForbidden, map[string]string{"message": "no such token: " + token})
		return
	}
	subject := cmp.Or(claims.Email, claims.Subject)
	public, proof, err := certificateRequest(r)
	digest := sha256.Sum256([]byte(subject))
	if err != nil || !ecdsa.VerifyASN1(public, digest[:], proof) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	issuer := claims.Issuer
	if federated, ok := claims.Extra["federated_claims"].(map[string]any); ok {
		issuer = federated["connector_id"].(string)
	}
	reply(w, http.StatusOK, i.Certificate(public, cmp.Or(claims.SAN, subject), issuer))
}

// RequestedKey is the key in a request to Fulcio, for tests that answer it.
func RequestedKey(r *http.Request) (*ecdsa.PublicKey, error) {
	public, _, err := certificateRequest(r)
	return public, err
}

func certificateRequest(r *http.Request) (public *ecdsa.PublicKey, proof []byte, err error) {
	var request struct {
		PublicKeyRequest struct {
			PublicKey         struct{ Algorithm, Content string }
			ProofOfPossession []byte
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(decode([]byte(request.PublicKeyRequest.PublicKey.Content)))
	public, ok := parsed.(*ecdsa.PublicKey)
	if err == nil && (!ok || request.PublicKeyRequest.PublicKey.Algorithm != "ECDSA") {
		err = errors.New("it is no ECDSA key")
	}
	return public, request.PublicKeyRequest.ProofOfPossession, err
}

// Certificate is Fulcio's answer with a certificate of the key for ten minutes.
func (i *Instance) Certificate(public crypto.PublicKey, identity, issuer string) any {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(10 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}, Value: []byte(issuer)}},
	}
	if u, err := url.Parse(identity); err == nil && u.Scheme != "" {
		template.URIs = []*url.URL{u}
	} else {
		template.EmailAddresses = []string{identity}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.issuing, public, i.key)
	check(err)
	leaf := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	issuing := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.issuing.Raw}))
	return map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": []string{leaf, issuing}}}}
}

func (i *Instance) log(w http.ResponseWriter, r *http.Request) {
	var entry struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Spec       struct {
			Data struct {
				Hash struct {
					Algorithm string `json:"algorithm"`
					Value     string `json:"value"`
				} `json:"hash"`
			} `json:"data"`
			Signature struct {
				Content   []byte `json:"content"`
				PublicKey struct {
					Content []byte `json:"content"`
				} `json:"publicKey"`
			} `json:"signature"`
		} `json:"spec"`
	}
	check(json.NewDecoder(r.Body).Decode(&entry))
	digest, _ := hex.DecodeString(entry.Spec.Data.Hash.Value)
	leaf, err := x509.ParseCertificate(decode(entry.Spec.Signature.PublicKey.Content))
	if err != nil || r.Header.Get("Authorization") != "" || !ecdsa.VerifyASN1(leaf.PublicKey.(*ecdsa.PublicKey), digest, entry.Spec.Signature.Content) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	body, err := json.Marshal(entry)
	check(err)
	id, err := i.virtual.RekorLogID()
	check(err)
	now := time.Now().Unix()
	encoded := base64.StdEncoding.EncodeToString(body)
	promise, err := i.virtual.RekorSignPayload(tlog.RekorPayload{Body: encoded, IntegratedTime: now, LogIndex: 1000, LogID: id})
	check(err)
	proof, err := i.virtual.GetInclusionProof(body)
	check(err)
	i.mu.Lock()
	i.entries++
	i.mu.Unlock()
	reply(w, http.StatusCreated, map[string]any{"24296fb24b8ad77a": map[string]any{
		"body": encoded, "integratedTime": now, "logID": id, "logIndex": 1000,
		"verification": map[string]any{"inclusionProof": proof, "signedEntryTimestamp": promise},
	}})
}

func (i *Instance) stamp(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	check(err)
	request, err := timestamp.ParseRequest(data)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	stamp := timestamp.Timestamp{
		HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Time: time.Now(),
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, AddTSACertificate: request.Certificates,
	}
	answer, err := stamp.CreateResponseWithOpts(i.stamps.Leaf, i.stamper, crypto.SHA256)
	check(err)
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// decode is what is in a PEM; nothing if it is none.
func decode(data []byte) []byte {
	if block, _ := pem.Decode(data); block != nil {
		return block.Bytes
	}
	return nil
}
