package cmd

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// bootstrapDev makes keys, holds a ceremony and bootstraps, each unless an
// earlier start has done it. It returns the file of the trusted root.
func (c *serveCommand) bootstrapDev(ctx context.Context, url string) (string, error) {
	rootFile := filepath.Join(c.dir, "root.json")
	api, err := client.New(url, client.Config{Token: c.devToken()})
	if err != nil {
		return "", err
	}
	state, err := api.BootstrapState(ctx)
	if err != nil {
		return "", err
	}
	if state.Bootstrap {
		return rootFile, c.writeTrustedRoot(ctx, api, rootFile)
	}
	var signers []*keys.Private
	policy := ceremony.Policy{Threshold: 2}
	for _, name := range []string{"root1", "root2"} {
		key, err := c.devKey(name)
		if err != nil {
			return "", err
		}
		defer key.Close()
		signers = append(signers, key)
		policy.RootKeys = append(policy.RootKeys, key.Public())
	}
	online, err := c.devKey("online")
	if err != nil {
		return "", err
	}
	defer online.Close()
	policy.OnlineKey = online.Public().WithOnlineURI("fn:online")
	draft, err := ceremony.New(policy)
	if err != nil {
		return "", err
	}
	for _, key := range signers {
		if err := draft.Sign(ctx, key); err != nil {
			return "", err
		}
	}
	if _, err := bootstrap.Run(ctx, api, draft.Payload()); err != nil {
		return "", err
	}
	return rootFile, c.writeTrustedRoot(ctx, api, rootFile)
}

// devKey loads a plain key of the key folder, and makes it first if need be.
func (c *serveCommand) devKey(name string) (*keys.Private, error) {
	path := filepath.Join(c.uris.dir, name)
	key, err := keys.Load(path, nil)
	if errors.Is(err, fs.ErrNotExist) {
		if key, err = keys.Generate(keys.Ed25519, name); err != nil {
			return nil, err
		}
		err = key.Save(path, keys.SaveOptions{Plain: true})
	}
	if err != nil {
		return nil, err
	}
	return key.WithName(name), nil
}

// addDevToken lets --dev call the API where that needs a token.
func (c *serveCommand) addDevToken(cfg *service.Config) error {
	if !c.dev || len(cfg.Tokens) == 0 {
		return nil
	}
	c.devSecret = newSecret()
	token, err := service.NewToken("rstuf-serve-dev", c.devSecret)
	cfg.Tokens = append(cfg.Tokens, token)
	return err
}

// devToken is that token; nil if none is needed.
func (c *serveCommand) devToken() client.TokenSource {
	if c.devSecret == "" {
		return nil
	}
	return func(context.Context) (string, error) { return c.devSecret, nil }
}

// writeTrustedRoot writes the root that downloads start from.
func (c *serveCommand) writeTrustedRoot(ctx context.Context, api *client.Client, path string) error {
	settings, err := api.Settings(ctx)
	if err != nil {
		return err
	}
	if len(settings.TrustedRoot) == 0 {
		return errors.New("the service names no trusted root")
	}
	return writeFile(path, settings.TrustedRoot, true)
}

func (c *serveCommand) printDevHelp(s serving) {
	c.printf("root:      %s", s.TrustedRoot)
	c.printf(`
The keys are in %s, not encrypted: this is for trying out. Next:

  cp FILE %s/
  rstuf artifact --api-server %s add FILE
  rstuf artifact download FILE -r %s -m %s -a %s -P downloads

Ctrl-C stops; the same command goes on where this one stopped.`,
		c.uris.dir, c.artifacts, s.API, s.TrustedRoot, s.Metadata, s.Artifacts)
}
