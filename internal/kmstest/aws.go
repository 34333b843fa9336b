// Package kmstest speaks as much of the protocols of key services as signing
// needs, for tests.
package kmstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// KeyID is the id of the key that an [AWS] has.
const KeyID = "1234abcd-12ab-34cd-56ef-1234567890ab"

// AWS is a double of AWS KMS with one P-256 key.
type AWS struct {
	// Key is what it holds, and URI names it as AWS's SDK understands it.
	Key *ecdsa.PrivateKey
	URI string
	// Env is what AWS's SDK reads of the environment to ask it and nobody else. A test may
	// change it before the first request.
	Env map[string]string
	// Refused is set while whoever asks may read the key and not sign with it.
	Refused atomic.Bool
	// Signed is how often it signed.
	Signed atomic.Int64
}

// StartAWS starts one that ends with the test. The folder is for a certificate.
func StartAWS(t testing.TB, dir string) *AWS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &AWS{Key: key}
	server := httptest.NewTLSServer(a)
	t.Cleanup(server.Close)
	authority := filepath.Join(dir, "kms-ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	a.URI = "awskms://" + strings.TrimPrefix(server.URL, "https://") + "/" + KeyID
	a.Env = map[string]string{
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_REGION": "eu-central-1", "AWS_CA_BUNDLE": authority, "AWS_MAX_ATTEMPTS": "1",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"HTTPS_PROXY": "", "https_proxy": "",
	}
	return a
}

// ServeHTTP answers a request of AWS KMS's JSON protocol.
func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		KeyId, MessageType, SigningAlgorithm string
		Message                              []byte
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil || !strings.Contains(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+a.Env["AWS_ACCESS_KEY_ID"]+"/") {
		refuse(w, "ValidationException", fmt.Sprint("no request of AWS KMS: ", err))
		return
	}
	if request.KeyId != KeyID {
		refuse(w, "NotFoundException", "no such key")
		return
	}
	switch strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.") {
	case "GetPublicKey":
		der, err := x509.MarshalPKIXPublicKey(a.Key.Public())
		if err != nil {
			refuse(w, "KMSInternalException", err.Error())
			return
		}
		answer(w, http.StatusOK, map[string]any{"KeyId": KeyID, "PublicKey": der, "SigningAlgorithms": []string{"ECDSA_SHA_256"}})
	case "DescribeKey":
		answer(w, http.StatusOK, map[string]any{"KeyMetadata": map[string]any{"KeyId": KeyID, "SigningAlgorithms": []string{"ECDSA_SHA_256"}}})
	case "Sign":
		if a.Refused.Load() {
			refuse(w, "AccessDeniedException", "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: kms:Sign")
			return
		}
		if request.MessageType != "DIGEST" || request.SigningAlgorithm != "ECDSA_SHA_256" {
			refuse(w, "ValidationException", "unexpected parameters")
			return
		}
		sig, err := ecdsa.SignASN1(rand.Reader, a.Key, request.Message)
		if err != nil {
			refuse(w, "ValidationException", err.Error())
			return
		}
		a.Signed.Add(1)
		answer(w, http.StatusOK, map[string]any{"KeyId": KeyID, "Signature": sig, "SigningAlgorithm": "ECDSA_SHA_256"})
	default:
		refuse(w, "UnknownOperationException", "")
	}
}

func refuse(w http.ResponseWriter, kind, message string) {
	answer(w, http.StatusBadRequest, map[string]string{"__type": kind, "message": message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error means that nobody waits any more
}
