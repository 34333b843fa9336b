package service

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// onlineSigner is an online key under the id that root gives it, which in the
// first generation is not the id of today.
type onlineSigner struct {
	keys.Signer
	id string
}

func (o onlineSigner) sign(ctx context.Context, doc *metadata.Document) error {
	if o.id == o.Public().ID() {
		return doc.Sign(ctx, o.Signer)
	}
	sig, err := o.Sign(ctx, doc.Canonical())
	if err != nil {
		return err
	}
	return doc.AddSignature(rstuf.Signature{KeyID: o.id, Sig: hex.EncodeToString(sig)}, o.Public())
}

// signerCache opens online keys and keeps them open.
type signerCache struct {
	uris keys.URIConfig

	mu   sync.Mutex
	open map[string]keys.Signer // by today's key id
}

func (c *signerCache) start(cfg Config) error {
	c.uris = cfg.Keys
	c.open = map[string]keys.Signer{}
	for i, signer := range cfg.OnlineKeys {
		if signer == nil {
			return fmt.Errorf("Config.OnlineKeys[%d] is nil", i)
		}
		c.open[signer.Public().ID()] = signer
	}
	for _, file := range cfg.KeyFiles {
		key, err := keys.Load(file.Path, file.Password)
		if err != nil {
			return fmt.Errorf("online key: %w", err)
		}
		c.open[key.Public().ID()] = key
	}
	return nil
}

// forRoot opens the online key that a root names.
func (c *signerCache) forRoot(ctx context.Context, doc *metadata.Document) (onlineSigner, error) {
	root, err := doc.Root()
	if err != nil {
		return onlineSigner{}, err
	}
	key, err := metadata.OnlineKey(root)
	if err != nil {
		return onlineSigner{}, err
	}
	signer, err := c.get(ctx, key)
	return onlineSigner{signer, root.Roles[rstuf.RoleTimestamp].KeyIDs[0]}, err
}

func (c *signerCache) get(ctx context.Context, key keys.Public) (keys.Signer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if signer, ok := c.open[key.ID()]; ok {
		return signer, nil
	}
	uri := key.Key().OnlineURI
	if uri == "" {
		return nil, fmt.Errorf("the online key %s cannot be opened: it has no x-rstuf-online-key-uri and is not among the keys that the service was started with", key)
	}
	signer, err := keys.OpenURI(ctx, uri, c.uris)
	if err != nil {
		return nil, fmt.Errorf("the online key %s cannot be opened: %w", key, err)
	}
	if signer.Public().ID() != key.ID() {
		return nil, fmt.Errorf("the online key %s cannot be used: %s holds another key, %s", key, uri, signer.Public())
	}
	c.open[key.ID()] = signer
	return signer, nil
}
