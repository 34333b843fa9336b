package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/keys"
	"example.org/rstuf/rstuf/internal/terminal"
)

// A question is one decision of a policy.
type question struct {
	// field is its name in a policy file.
	field string
	open  func() bool
	ask   func(context.Context, *terminal.Terminal) error
	// assume takes the default; nil where there is none to take.
	assume func()
}

// complete asks for what the policy leaves open, in the order of RSTUF's
// Python CLI. Without a terminal, all that is open is one error.
func (c *ceremonyCommand) complete(ctx context.Context, p *ceremony.Policy) error {
	var missing []string
	for _, q := range c.questions(p) {
		switch {
		case !q.open():
		case c.defaults && q.assume != nil:
			q.assume()
		case c.term == nil:
			missing = append(missing, q.field)
		default:
			if err := q.ask(ctx, c.term); err != nil {
				return err
			}
		}
	}
	if len(missing) > 0 {
		return usagef("the policy leaves %s open and there is no terminal to ask: add them to a --policy file (--defaults takes the defaults of lives and hash bins)", strings.Join(missing, ", "))
	}
	return nil
}

func (c *ceremonyCommand) questions(p *ceremony.Policy) []question {
	days := func(role string, field *int, def int) question {
		return question{
			field: "expirations." + role,
			open:  func() bool { return *field == 0 },
			ask: func(ctx context.Context, t *terminal.Terminal) (err error) {
				*field, err = askDays(ctx, t, p, role, def)
				return err
			},
			assume: func() { *field = def },
		}
	}
	bins := days(rstuf.RoleBins, &p.Expirations.Bins, ceremony.DefaultOnlineDays)
	binsOpen := bins.open
	bins.open = func() bool { return len(p.Delegations) == 0 && binsOpen() }
	return []question{
		days(rstuf.RoleTimestamp, &p.Expirations.Timestamp, ceremony.DefaultOnlineDays),
		days(rstuf.RoleSnapshot, &p.Expirations.Snapshot, ceremony.DefaultOnlineDays),
		days(rstuf.RoleTargets, &p.Expirations.Targets, ceremony.DefaultTargetsDays),
		{
			field:  "hash_bins or delegations",
			open:   func() bool { return p.HashBins == 0 && len(p.Delegations) == 0 },
			ask:    func(ctx context.Context, t *terminal.Terminal) error { return c.askSpread(ctx, t, p) },
			assume: func() { p.HashBins = ceremony.DefaultHashBins },
		},
		bins,
		days(rstuf.RoleRoot, &p.Expirations.Root, ceremony.DefaultRootDays),
		{
			field: "threshold",
			open:  func() bool { return p.Threshold == 0 },
			ask:   func(ctx context.Context, t *terminal.Terminal) error { return askThreshold(ctx, t, p) },
		},
		{
			field: "root_keys",
			open: func() bool {
				return len(p.RootKeys) == 0 || c.term != nil && len(p.RootKeys) < p.Threshold
			},
			ask: func(ctx context.Context, t *terminal.Terminal) error { return askRootKeys(ctx, t, p) },
		},
		{
			field: "online_key",
			open:  func() bool { return p.OnlineKey.ID() == "" },
			ask:   func(ctx context.Context, t *terminal.Terminal) error { return askOnlineKey(ctx, t, p) },
		},
	}
}

func askDays(ctx context.Context, t *terminal.Terminal, p *ceremony.Policy, role string, def int) (int, error) {
	days, err := t.Number(ctx, fmt.Sprintf("Days until %s expires", role), def, atLeast(1))
	if err == nil {
		t.Printf("  that is %s\n", p.Now.AddDate(0, 0, days).UTC().Format("2006-01-02"))
	}
	return days, err
}

func atLeast(least int) func(int) error {
	return func(n int) error {
		if n < least {
			return fmt.Errorf("please enter a number of at least %d", least)
		}
		return nil
	}
}

func (c *ceremonyCommand) askSpread(ctx context.Context, t *terminal.Terminal, p *ceremony.Policy) error {
	t.Printf("Artifacts are spread over hash bins, which the online key signs, or go to\ncustom roles by their paths, signed by the online key or by offline keys.\n")
	choice, err := t.Choose(ctx, "Delegations", []string{"hash bins", "custom roles"}, 0)
	if err != nil {
		return err
	}
	if choice == 0 {
		p.HashBins, err = t.Number(ctx, "Number of hash bins", ceremony.DefaultHashBins, func(n int) error {
			if n < rules.MinHashBins || n > rules.MaxHashBins || n&(n-1) != 0 {
				return fmt.Errorf("please enter a power of two from %d to %d", rules.MinHashBins, rules.MaxHashBins)
			}
			return nil
		})
		return err
	}
	p.Delegations, err = askRoles(ctx, t)
	return err
}

func askThreshold(ctx context.Context, t *terminal.Terminal, p *ceremony.Policy) (err error) {
	least := 2
	if p.AllowThresholdOneUnsafe {
		least = 1
	}
	p.Threshold, err = t.Number(ctx, "Root threshold (how many root keys must sign)", 0, atLeast(least))
	return err
}

func askRootKeys(ctx context.Context, t *terminal.Terminal, p *ceremony.Policy) error {
	list, err := askKeys(ctx, t, "root", p.Threshold, p.RootKeys)
	p.RootKeys = list
	return err
}

// askKeys asks for keys until there are enough and the person wants no more.
func askKeys(ctx context.Context, t *terminal.Terminal, role string, threshold int, list []keys.Public) ([]keys.Public, error) {
	for {
		showKeys(t, role, list)
		action := 1
		if len(list) > 0 {
			options := []string{"continue", "add a key", "remove a key"}
			if len(list) < threshold {
				t.Printf("%d more needed for threshold %d.\n", threshold-len(list), threshold)
				options[0] = "continue (not yet: keys are missing)"
			}
			var err error
			if action, err = t.Choose(ctx, "What next", options, -1); err != nil {
				return nil, err
			}
		}
		switch {
		case action == 0 && len(list) >= threshold:
			return list, nil
		case action == 1:
			key, err := askKey(ctx, t, list)
			if err != nil {
				return nil, err
			}
			list = append(list, key)
		case action == 2:
			i, err := t.Choose(ctx, "Key to remove", keyNames(list), -1)
			if err != nil {
				return nil, err
			}
			list = slices.Delete(slices.Clone(list), i, i+1)
		}
	}
}

func showKeys(t *terminal.Terminal, role string, list []keys.Public) {
	if len(list) == 0 {
		return
	}
	t.Printf("Keys of %s:\n", role)
	for _, key := range list {
		t.Printf("  - %s, %s, key id %s\n", key.Name(), key.Key().KeyType, key.ID())
	}
}

func keyNames(list []keys.Public) []string {
	names := make([]string, len(list))
	for i, key := range list {
		names[i] = key.Name()
	}
	return names
}

// askKey asks for one offline key that is not among the others.
func askKey(ctx context.Context, t *terminal.Terminal, others []keys.Public) (keys.Public, error) {
	kind, err := t.Choose(ctx, "Kind of key", []string{"public key file (PEM, certificate, key object)", "Sigstore identity"}, 0)
	if err != nil {
		return keys.Public{}, err
	}
	var key keys.Public
	suggested := ""
	if kind == 0 {
		if key, suggested, err = askPublicKey(ctx, t, "Public key file", others); err != nil {
			return key, err
		}
	} else if key, err = askSigstore(ctx, t); err != nil {
		return key, err
	} else {
		suggested = key.Key().Value["identity"]
	}
	name, err := t.Ask(ctx, "Name of the key", suggested, func(name string) error {
		if slices.ContainsFunc(others, func(k keys.Public) bool { return k.Name() == name }) {
			return errors.New("another key has this name")
		}
		return nil
	})
	return key.WithName(name), err
}

// askPublicKey asks for a file and suggests a name for its key.
func askPublicKey(ctx context.Context, t *terminal.Terminal, question string, others []keys.Public) (key keys.Public, name string, err error) {
	path, err := t.Ask(ctx, question, "", func(path string) (err error) {
		if key, err = keys.LoadPublic(path); err != nil {
			return err
		}
		if slices.ContainsFunc(others, func(k keys.Public) bool { return k.ID() == key.ID() }) {
			return errors.New("this key is in use already")
		}
		return nil
	})
	if name = key.Name(); name == "" {
		name = strings.TrimSuffix(filepath.Base(path), ".pub")
	}
	return key, quote.Line(name), err
}

func askSigstore(ctx context.Context, t *terminal.Terminal) (keys.Public, error) {
	t.Printf("Not all TUF clients can verify Sigstore signatures.\n")
	identity, err := t.Ask(ctx, "Sigstore identity (email address)", "", func(text string) error {
		if !strings.Contains(text, "@") {
			return errors.New("please enter an email address")
		}
		return nil
	})
	if err != nil {
		return keys.Public{}, err
	}
	issuers := []string{"https://github.com/login/oauth", "https://accounts.google.com", "https://login.microsoft.com"}
	i, err := t.Choose(ctx, "Issuer", issuers, -1)
	if err != nil {
		return keys.Public{}, err
	}
	return keys.Sigstore(identity, issuers[i], identity), nil
}

// askOnlineKey asks for the online key and where the workers find it.
func askOnlineKey(ctx context.Context, t *terminal.Terminal, p *ceremony.Policy) error {
	t.Printf("The online key signs everything but root; the workers hold its private part.\n")
	key, name, err := askPublicKey(ctx, t, "Public key file of the online key", p.RootKeys)
	if err != nil {
		return err
	}
	if name, err = t.Ask(ctx, "Name of the online key", name, nil); err != nil {
		return err
	}
	uri, err := t.Ask(ctx, "Where workers find it (fn:FILE, awskms:…, gcpkms:…, azurekms:…, hv:…)", "fn:"+key.ID(), func(uri string) error {
		if scheme, rest, ok := strings.Cut(uri, ":"); !ok || scheme == "" || rest == "" {
			return errors.New("please enter a scheme, a colon and a place")
		}
		return nil
	})
	p.OnlineKey = key.WithName(name).WithOnlineURI(uri)
	return err
}

// askRoles asks for custom roles until the person wants no more.
func askRoles(ctx context.Context, t *terminal.Terminal) (roles []ceremony.Role, err error) {
	for {
		role, err := askRole(ctx, t, roles)
		if err != nil {
			return nil, err
		}
		roles = append(roles, role)
		more, err := t.Confirm(ctx, "Another role", false)
		if err != nil || !more {
			return roles, err
		}
	}
}

func askRole(ctx context.Context, t *terminal.Terminal, others []ceremony.Role) (role ceremony.Role, err error) {
	role.Name, err = t.Ask(ctx, "Name of the role", "", func(name string) error {
		if !rules.IsDelegatedRoleName(name) {
			return errors.New("please use letters, digits, - and _, and no name of TUF's own roles")
		}
		if slices.ContainsFunc(others, func(r ceremony.Role) bool { return r.Name == name }) {
			return errors.New("another role has this name")
		}
		return nil
	})
	if err != nil {
		return role, err
	}
	if role.Days, err = t.Number(ctx, fmt.Sprintf("Days until %s expires", role.Name), ceremony.DefaultOnlineDays, atLeast(1)); err != nil {
		return role, err
	}
	paths, err := t.Ask(ctx, "Paths of its artifacts (patterns such as dev/*, with spaces between)", "", nil)
	if err != nil {
		return role, err
	}
	role.Paths = strings.Fields(paths)
	who, err := t.Choose(ctx, "Signed by", []string{"the online key", "offline keys"}, 0)
	if err != nil || who == 0 {
		return role, err
	}
	role.Threshold, err = t.Number(ctx, fmt.Sprintf("Threshold of %s (how many keys must sign)", role.Name), 0, atLeast(1))
	if err == nil {
		role.Keys, err = askKeys(ctx, t, role.Name, role.Threshold, nil)
	}
	return role, err
}
