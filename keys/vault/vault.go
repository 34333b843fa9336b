package vault

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/keys"
)

// defaultTimeout bounds a request if the caller gave no client of his own.
const defaultTimeout = 30 * time.Second

// Config says where the server is and who asks. Address and Token must be set.
type Config struct {
	// Address is the server's URL, such as https://vault.example.com:8200.
	Address string
	// Token gives the token for a request; it is asked each time, so that it
	// can be renewed.
	Token func(ctx context.Context) (string, error)
	// Mount is where the transit engine is mounted; "transit" if empty.
	Mount string
	// Namespace is sent along if it is set (Vault Enterprise, OpenBao).
	Namespace string
	// HTTPClient is used for all requests; one with a timeout of 30 seconds
	// if nil.
	HTTPClient *http.Client
}

// Opener opens hv: URIs with these settings.
func Opener(cfg Config) keys.URIOpener {
	return func(ctx context.Context, uri string, uriCfg keys.URIConfig) (keys.Signer, error) {
		name, version, err := parseURI(uri)
		if err != nil {
			return nil, err
		}
		return Open(ctx, cfg, name, version, uriCfg.Name)
	}
}

// parseURI reads hv:<name>/<version>.
func parseURI(uri string) (name string, version int, err error) {
	name, digits, ok := strings.Cut(strings.TrimPrefix(uri, "hv:"), "/")
	if version, err = strconv.Atoi(digits); !ok || err != nil {
		return "", 0, errors.New("want hv:<name>/<version>, such as hv:online/1")
	}
	return name, version, nil
}

// Open makes a signer of one version of a transit key, whose public half it
// reads from the server. The display name is the key's in metadata.
func Open(ctx context.Context, cfg Config, name string, version int, displayName string) (keys.Signer, error) {
	signer, err := open(ctx, cfg, name, version, displayName)
	if err != nil {
		return nil, fmt.Errorf("vault key %s/%d: %w", name, version, err)
	}
	return signer, nil
}

func open(ctx context.Context, cfg Config, name string, version int, displayName string) (keys.Signer, error) {
	switch {
	case !isName(name):
		return nil, fmt.Errorf("the name must be letters, digits, '_', '-' and '.' only")
	case version < 1:
		return nil, fmt.Errorf("versions count from 1")
	case cfg.Address == "" || cfg.Token == nil:
		return nil, errors.New("the vault's Address and Token must be set")
	}
	if cfg.Mount == "" {
		cfg.Mount = "transit"
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{Timeout: defaultTimeout}
	}
	// Go would send the token along to wherever a redirect points.
	client := *cfg.HTTPClient
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	cfg.HTTPClient = &client
	pub, err := cfg.readKey(ctx, name, version)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	if pub.PostQuantum() {
		return nil, fmt.Errorf("%w: an ML-DSA key of a vault: TUF signs a form of the document that vaults do not", keys.ErrUnsupported)
	}
	return keys.NewSignerFunc(pub.WithName(displayName), func(ctx context.Context, message []byte) ([]byte, error) {
		return cfg.sign(ctx, name, version, pub, message)
	}), nil
}

// isName reports whether a key name can stand in a URL path as it is.
func isName(name string) bool {
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-.", c)) {
			return false
		}
	}
	return name != "" && strings.Trim(name, ".") != ""
}

// readKey reads the public half of a key version: GET <mount>/keys/<name>.
func (cfg Config) readKey(ctx context.Context, name string, version int) (keys.Public, error) {
	var key struct {
		Type string `json:"type"`
		Keys map[string]struct {
			PublicKey string `json:"public_key"`
		} `json:"keys"`
	}
	if err := cfg.do(ctx, http.MethodGet, "keys/"+name, nil, &key); err != nil {
		return keys.Public{}, err
	}
	public := key.Keys[strconv.Itoa(version)].PublicKey
	if public == "" {
		return keys.Public{}, fmt.Errorf("the server has no public key of that version (key type %.60q)", key.Type)
	}
	if key.Type != "ed25519" {
		return keys.ParsePublic([]byte(public))
	}
	raw, err := base64.StdEncoding.DecodeString(public)
	if err != nil {
		return keys.Public{}, errors.New("the server's ed25519 key is not base64")
	}
	return keys.FromKey(rstuf.Key{KeyType: keys.KeyTypeEd25519, Scheme: keys.SchemeEd25519,
		Value: map[string]string{"public": fmt.Sprintf("%x", raw)}})
}

// sign has the server sign: POST <mount>/sign/<name>. The message travels
// whole; the server hashes it as the key's scheme wants.
func (cfg Config) sign(ctx context.Context, name string, version int, pub keys.Public, message []byte) ([]byte, error) {
	request := map[string]any{
		"input":                base64.StdEncoding.EncodeToString(message),
		"key_version":          version,
		"marshaling_algorithm": "asn1",
	}
	switch pub.Key().Scheme {
	case keys.SchemeRSAPSS256:
		request["signature_algorithm"] = "pss"
		request["salt_length"] = "hash"
		request["hash_algorithm"] = "sha2-256"
	case keys.SchemeECDSAP256:
		request["hash_algorithm"] = "sha2-256"
	case keys.SchemeECDSAP384:
		request["hash_algorithm"] = "sha2-384"
	}
	var answer struct {
		Signature string `json:"signature"`
	}
	if err := cfg.do(ctx, http.MethodPost, "sign/"+name, request, &answer); err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(answer.Signature, fmt.Sprintf("vault:v%d:", version))
	sig, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil {
		return nil, fmt.Errorf("the server's signature is not vault:v%d:<base64>", version)
	}
	return sig, nil
}
