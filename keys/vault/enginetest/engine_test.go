package enginetest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/vault"
)

const token = "s.hvs-test-token"

// engine is a transit engine and its storage.
type engine struct {
	backend logical.Backend
	storage logical.Storage
}

func newEngine(t *testing.T) engine {
	t.Helper()
	cfg := logical.TestBackendConfig()
	cfg.StorageView = &logical.InmemStorage{}
	backend, err := transit.Factory(context.Background(), cfg)
	require.NoError(t, err)

	// Vault 1.14 is built with the SDK of its own tree, which no module
	// version holds. The released one also wants an existence check of every
	// path that can create; no request of ours reaches those.
	base := reflect.ValueOf(backend).Elem().FieldByName("Backend").Interface().(*framework.Backend)
	for _, path := range base.Paths {
		if path.ExistenceCheck == nil {
			path.ExistenceCheck = func(context.Context, *logical.Request, *framework.FieldData) (bool, error) { return true, nil }
		}
	}
	return engine{backend, cfg.StorageView}
}

func (e engine) handle(ctx context.Context, operation logical.Operation, path string, data map[string]any) (*logical.Response, error) {
	return e.backend.HandleRequest(ctx, &logical.Request{
		Operation: operation, Path: path, Data: data, Storage: e.storage, ClientToken: token,
	})
}

// ServeHTTP passes requests to the engine as Vault's API does.
func (e engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body) // a client that left is not the server's concern
	}
	path, found := strings.CutPrefix(r.URL.Path, "/v1/transit/")
	if r.Header.Get("X-Vault-Token") != token || !found {
		answer(http.StatusForbidden, map[string]any{"errors": []string{"permission denied"}})
		return
	}
	operation, data := logical.Operation(logical.ReadOperation), map[string]any{}
	if r.Method == http.MethodPost {
		operation = logical.UpdateOperation
		decoder := json.NewDecoder(r.Body)
		decoder.UseNumber()
		if err := decoder.Decode(&data); err != nil {
			answer(http.StatusBadRequest, map[string]any{"errors": []string{err.Error()}})
			return
		}
	}
	req := &logical.Request{Operation: operation, Path: path}
	resp, err := e.handle(r.Context(), operation, path, data)
	if status, err := logical.RespondErrorCommon(req, resp, err); status != 0 {
		messages := []string{}
		if err != nil {
			messages = append(messages, err.Error())
		}
		answer(status, map[string]any{"errors": messages})
		return
	}
	answer(http.StatusOK, logical.LogicalResponseToHTTPResponse(resp))
}

func TestTransitEngine(t *testing.T) {
	e := newEngine(t)
	server := httptest.NewServer(e)
	defer server.Close()
	cfg := vault.Config{Address: server.URL, Token: func(context.Context) (string, error) { return token, nil }}
	ctx := context.Background()
	message := []byte("the signed part of a root")

	for _, kind := range []string{"ed25519", "ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096"} {
		t.Run(kind, func(t *testing.T) {
			resp, err := e.handle(ctx, logical.UpdateOperation, "keys/"+kind, map[string]any{"type": kind})
			require.NoError(t, err)
			require.False(t, resp.IsError())
			_, err = e.handle(ctx, logical.UpdateOperation, "keys/"+kind+"/rotate", nil)
			require.NoError(t, err)

			var ids []string
			for _, uri := range []string{"hv:" + kind + "/1", "hv:" + kind + "/2"} {
				signer, err := keys.OpenURI(ctx, uri, keys.URIConfig{Openers: map[string]keys.URIOpener{"hv": vault.Opener(cfg)}})
				require.NoError(t, err)
				sig, err := signer.Sign(ctx, message)
				require.NoError(t, err)
				assert.NoError(t, signer.Public().Verify(message, sig))
				ids = append(ids, signer.Public().ID())
			}
			assert.NotEqual(t, ids[0], ids[1], "each version is a key of its own")
			_, err = vault.Open(ctx, cfg, kind, 3, "")
			assert.ErrorContains(t, err, "no public key of that version")
		})
	}

	_, err := vault.Open(ctx, cfg, "missing", 1, "")
	assert.ErrorContains(t, err, "404")
	_, err = e.handle(ctx, logical.UpdateOperation, "keys/aes", map[string]any{"type": "aes256-gcm96"})
	require.NoError(t, err)
	_, err = vault.Open(ctx, cfg, "aes", 1, "")
	assert.Error(t, err, "a symmetric key cannot sign")
	cfg.Token = func(context.Context) (string, error) { return "wrong", nil }
	_, err = vault.Open(ctx, cfg, "ed25519", 1, "")
	assert.ErrorContains(t, err, "403")
}
