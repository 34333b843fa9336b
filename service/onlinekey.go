package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// onlineSigner is an online key under the id that root gives it, which in the
// first generation is not the id of today.
type onlineSigner struct {
	keys.Signer
	id     string
	asking *asking
}

func (o onlineSigner) sign(ctx context.Context, doc *metadata.Document) error {
	return doc.SignAs(ctx, o, o.id)
}

// Sign signs in bounded time.
func (o onlineSigner) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if local, ok := o.Signer.(*keys.Private); ok {
		return local.Sign(ctx, message)
	}
	defer o.asking.begin()()
	sig, err := inTime(ctx, signTime, func(ctx context.Context) ([]byte, error) { return o.Signer.Sign(ctx, message) })
	if err != nil {
		return nil, keyError{err}
	}
	return sig, nil
}

// signerCache opens online keys and keeps them open.
type signerCache struct {
	uris   keys.URIConfig
	asking asking

	mu   sync.Mutex
	open map[string]keys.Signer // by identity
}

func (c *signerCache) start(cfg Config) error {
	c.uris = cfg.Keys
	if c.uris.Schemes == nil {
		c.uris.Schemes = append(slices.Collect(maps.Keys(cfg.Keys.Openers)), "fn")
	}
	c.open = map[string]keys.Signer{}
	for i, signer := range cfg.OnlineKeys {
		if signer == nil {
			return fmt.Errorf("Config.OnlineKeys[%d] is nil", i)
		}
		c.open[signer.Public().Identity()] = keys.Checked(signer)
	}
	for _, file := range cfg.KeyFiles {
		key, err := keys.Load(file.Path, file.Password)
		if err != nil {
			return fmt.Errorf("online key: %w", err)
		}
		c.open[key.Public().Identity()] = key
	}
	return nil
}

// forRoot opens the online key that a root names.
func (c *signerCache) forRoot(ctx context.Context, doc *trustedRoot) (onlineSigner, error) {
	root, err := doc.Root()
	if err != nil {
		return onlineSigner{}, err
	}
	key, err := metadata.OnlineKey(root)
	if err != nil {
		return onlineSigner{}, err
	}
	signer, err := c.get(ctx, key)
	return onlineSigner{signer, root.Roles[rstuf.RoleTimestamp].KeyIDs[0], &c.asking}, err
}

func (c *signerCache) get(ctx context.Context, key keys.Public) (keys.Signer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if signer, ok := c.open[key.Identity()]; ok {
		return signer, nil
	}
	uri := key.Key().OnlineURI
	if uri == "" {
		return nil, fmt.Errorf("the online key %s cannot be opened: it has no x-rstuf-online-key-uri and is not among the keys that the service was started with", key)
	}
	signer, err := c.openURI(ctx, uri)
	if err != nil {
		return nil, fmt.Errorf("the online key %s cannot be opened: %w", key, err)
	}
	if !signer.Public().Same(key) {
		return nil, fmt.Errorf("the online key %s cannot be used: %s holds another key, %s", key, uri, signer.Public())
	}
	signer = keys.Checked(signer)
	c.open[key.Identity()] = signer
	return signer, nil
}

// How long it may take to open an online key, and to sign with it. It may be
// on a file system or a machine that does not answer.
const (
	openTime = 30 * time.Second
	signTime = time.Minute
)

// openURI opens a key in bounded time: what does not come back is left behind.
func (c *signerCache) openURI(ctx context.Context, uri string) (keys.Signer, error) {
	defer c.asking.begin()()
	signer, err := inTime(ctx, openTime, func(ctx context.Context) (keys.Signer, error) { return keys.OpenURI(ctx, uri, c.uris) })
	scheme, _, _ := strings.Cut(uri, ":")
	switch {
	case errors.Is(err, keys.ErrNotAllowed):
		err = fmt.Errorf("%w: start the service with --key-scheme %s (Config.Keys.Schemes) if it is to open such keys, or give the key with --online-key", err, scheme)
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%w, or start the service with --online-key FILE (Config.KeyFiles)", err)
	case err != nil && scheme != "fn" && !errors.Is(err, keys.ErrUnsupported):
		err = keyError{err}
	}
	return signer, err
}

// inTime calls what may not come back, and does not wait for it longer than so
// long.
func inTime[T any](ctx context.Context, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		r.err = guarded(func() (err error) {
			r.value, err = f(ctx)
			return err
		})
		done <- r
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("no answer: %w", ctx.Err())
	}
}

// check refuses a root whose online key the configuration does not let the
// service open.
func (c *signerCache) check(doc *trustedRoot) error {
	root, err := doc.Root()
	if err != nil {
		return err
	}
	key, err := metadata.OnlineKey(root)
	if err != nil {
		return err
	}
	scheme, _, found := strings.Cut(key.Key().OnlineURI, ":")
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[key.Identity()] != nil || !found || slices.Contains(c.uris.Schemes, scheme) {
		return nil
	}
	return fmt.Errorf("root names the online key %s by a URI of the scheme %q, which is not among those that may be opened (%s): start the service with --key-scheme %s (Config.Keys.Schemes), or give the key with --online-key",
		key, scheme, strings.Join(c.uris.Schemes, ", "), scheme)
}
