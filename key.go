package rstuf

import (
	"encoding/json"
	"maps"
)

// Key is a TUF key object as it stands in root, in delegations and in a
// bootstrap payload. It holds public data only.
//
// The key id is not part of it: it covers keytype, scheme and keyval alone
// (see package keys), so a name or a URI never changes it.
type Key struct {
	KeyType string
	Scheme  string
	// Value holds "public", or "identity" and "issuer" for a Sigstore key,
	// and whatever else the key came with.
	Value map[string]string
	// Name is the display name, x-rstuf-key-name.
	Name string
	// OnlineURI says where a worker finds the private key,
	// x-rstuf-online-key-uri. Only the online key has one.
	OnlineURI string
	// Extra holds every other field, byte for byte.
	Extra map[string]json.RawMessage
}

// keyWire is a key object without its extra fields.
type keyWire[V any] struct {
	KeyType   string `json:"keytype"`
	Scheme    string `json:"scheme"`
	Value     V      `json:"keyval"`
	Name      string `json:"x-rstuf-key-name,omitempty"`
	OnlineURI string `json:"x-rstuf-online-key-uri,omitempty"`
}

// DisplayName is the key's name: x-rstuf-key-name, or the "name" that the
// first generation of RSTUF wrote; empty if it has neither.
func (k Key) DisplayName() string {
	if k.Name != "" {
		return k.Name
	}
	var name string
	if raw, ok := k.Extra["name"]; ok && json.Unmarshal(raw, &name) == nil {
		return name
	}
	return ""
}

// Public is keyval.public: hex for ed25519, PEM for ecdsa and rsa, empty for
// a Sigstore key.
func (k Key) Public() string { return k.Value["public"] }

// MarshalJSON writes the key object with its extra fields.
func (k Key) MarshalJSON() ([]byte, error) {
	if odd, ok := k.Extra["keyval"]; ok {
		extra := maps.Clone(k.Extra)
		delete(extra, "keyval")
		return marshalWithExtra(keyWire[json.RawMessage]{k.KeyType, k.Scheme, odd, k.Name, k.OnlineURI}, extra)
	}
	return marshalWithExtra(keyWire[map[string]string]{k.KeyType, k.Scheme, k.Value, k.Name, k.OnlineURI}, k.Extra)
}

// UnmarshalJSON reads a key object and keeps the fields it does not know. A
// keyval that holds anything but strings, as keys of unknown types may have
// it, is kept whole in Extra["keyval"].
func (k *Key) UnmarshalJSON(data []byte) error {
	var w keyWire[json.RawMessage]
	extra, err := unmarshalWithExtra(data, &w)
	if err != nil {
		return err
	}
	*k = Key{KeyType: w.KeyType, Scheme: w.Scheme, Name: w.Name, OnlineURI: w.OnlineURI, Extra: extra}
	if len(w.Value) == 0 || json.Unmarshal(w.Value, &k.Value) == nil {
		return nil
	}
	if k.Extra == nil {
		k.Extra = map[string]json.RawMessage{}
	}
	k.Value, k.Extra["keyval"] = nil, w.Value
	return nil
}

// Signature is one entry of a metadata envelope's signatures.
type Signature struct {
	KeyID string `json:"keyid"`
	// Sig is lower-case hex; beside a Bundle the signature in it in base64, or empty.
	Sig string `json:"sig"`
	// Bundle is a Sigstore bundle, carried unchanged.
	Bundle json.RawMessage `json:"bundle,omitempty"`
}
