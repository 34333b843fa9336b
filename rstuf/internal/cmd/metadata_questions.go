package cmd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuf/internal/terminal"
)

// askChange asks what the next root does differently, in the order of RSTUF's
// Python CLI.
func (c *updateCommand) askChange(ctx context.Context, t *terminal.Terminal, trusted *metadata.Document) error {
	root, err := trusted.Root()
	if err != nil {
		return err
	}
	return t.Steps(ctx,
		func(ctx context.Context, _ bool) error { return c.askLife(ctx, t, root) },
		func(ctx context.Context, _ bool) error { return c.askRootThreshold(ctx, t, root) },
		func(ctx context.Context, _ bool) error { return c.askRootKeys(ctx, t, root) },
		func(ctx context.Context, _ bool) error { return c.askOnlineKey(ctx, t, root) },
	)
}

func (c *updateCommand) askLife(ctx context.Context, t *terminal.Terminal, root *metadata.Root) (err error) {
	c.change.Days = 0
	expires := root.Expires.Format(time.DateOnly)
	change := !time.Now().Before(root.Expires)
	if change {
		t.Printf("The root expired on %s.\n", expires)
	} else if change, err = t.Confirm(ctx, "The root expires on "+expires+". Change that", true); err != nil {
		return err
	}
	if change {
		c.change.Days, err = t.Number(ctx, "Days until root expires", ceremony.DefaultRootDays, atLeast(1))
	}
	return err
}

func (c *updateCommand) askRootThreshold(ctx context.Context, t *terminal.Terminal, root *metadata.Root) error {
	c.change.Threshold = 0
	change, err := t.Confirm(ctx, fmt.Sprintf("The root threshold is %d. Change that", root.Roles[rstuf.RoleRoot].Threshold), false)
	if err != nil || !change {
		return err
	}
	policy := ceremony.Policy{AllowThresholdOneUnsafe: c.change.AllowThresholdOneUnsafe}
	err = askThreshold(ctx, t, &policy)
	c.change.Threshold = policy.Threshold
	return err
}

func (c *updateCommand) askRootKeys(ctx context.Context, t *terminal.Terminal, root *metadata.Root) error {
	c.change.AddRootKeys, c.change.RemoveRootKeys = nil, nil
	role := root.Roles[rstuf.RoleRoot]
	threshold := cmp.Or(c.change.Threshold, role.Threshold)
	var before []keys.Public
	for _, id := range role.KeyIDs {
		key, err := keys.FromKey(root.Keys[id])
		if err != nil {
			return err
		}
		before = append(before, key)
	}
	after, err := askKeys(ctx, t, rstuf.RoleRoot, threshold, before, nil)
	if err != nil {
		return err
	}
	in := func(list []keys.Public, key keys.Public) bool {
		return slices.ContainsFunc(list, func(k keys.Public) bool { return k.ID() == key.ID() })
	}
	for i, key := range before {
		if !in(after, key) {
			c.change.RemoveRootKeys = append(c.change.RemoveRootKeys, role.KeyIDs[i])
		}
	}
	for _, key := range after {
		if !in(before, key) {
			c.change.AddRootKeys = append(c.change.AddRootKeys, key)
		}
	}
	return nil
}

func (c *updateCommand) askOnlineKey(ctx context.Context, t *terminal.Terminal, root *metadata.Root) error {
	c.change.OnlineURI, c.change.OnlineKey, c.change.UntestedOnlineKeyUnsafe = "", nil, keys.Public{}
	current, err := metadata.OnlineKey(root)
	if err != nil {
		return err
	}
	change, err := t.Confirm(ctx, "The online key is "+current.String()+". Change that", false)
	if err != nil || !change {
		return err
	}
	policy := ceremony.Policy{RootKeys: []keys.Public{current}}
	if err := askOnlineKey(ctx, t, &policy); err != nil {
		return err
	}
	c.change.OnlineURI = policy.OnlineKey.Key().OnlineURI
	test, err := t.Confirm(ctx, "Make a test signature with its private key file (else nobody knows that it can sign)", true)
	if err != nil {
		return err
	}
	if !test {
		c.change.UntestedOnlineKeyUnsafe = policy.OnlineKey
		return nil
	}
	for {
		path, err := t.Ask(ctx, "Private key file", "", checkKey)
		if err != nil {
			return err
		}
		key, err := c.signer(ctx, path, &c.sign.uris, &c.sign.password)
		if err != nil {
			return err
		}
		if key.Public().ID() == policy.OnlineKey.ID() {
			c.change.OnlineKey = keys.NewSignerFunc(policy.OnlineKey, key.Sign)
			return nil
		}
		t.Printf("%s is not the private key of the new online key\n", path)
	}
}
