package main

import (
	"cmp"
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
	// field is its name in a policy file, and title what people call it.
	field, title string
	open         func() bool
	ask          func(context.Context, *terminal.Terminal) error
	// take takes the answer of another policy.
	take func(from *ceremony.Policy)
	// assume takes the default; nil where there is none to take.
	assume func()
	// unused tells that another answer leaves nothing to ask here; nil means never.
	unused func() bool
}

// complete asks for what the policy leaves open, in the order of RSTUF's
// Python CLI, and shows what all of it means. Without a terminal, all that is
// open is one error.
func (c *ceremonyCommand) complete(ctx context.Context, p *ceremony.Policy) error {
	questions := c.questions(p)
	if c.term != nil {
		c.answers = answersOf(c.draftFile)
		if err := c.answers.restore(p, questions); err != nil {
			return err
		}
	}
	var missing []string
	for _, q := range questions {
		switch {
		case !q.open():
		case c.defaults && q.assume != nil:
			q.assume()
		default:
			missing = append(missing, q.field)
		}
	}
	switch {
	case c.term == nil && len(missing) > 0:
		return usagef("the policy leaves %s open and there is no terminal to ask: add them to a --policy file (--defaults takes the defaults of lives and hash bins)", strings.Join(missing, ", "))
	case c.term == nil, len(missing) == 0 && !c.answers.found:
		return nil // nobody has answered anything
	}
	c.introduce(c.term, c.answers.found)
	if err := c.askOpen(ctx, p, questions); err != nil {
		return err
	}
	return c.agree(ctx, p, questions)
}

// askOpen asks the questions that are open, and keeps each answer.
func (c *ceremonyCommand) askOpen(ctx context.Context, p *ceremony.Policy, questions []question) error {
	var steps []terminal.Step
	for _, q := range questions {
		steps = append(steps, func(ctx context.Context, again bool) error {
			if !again && !q.open() {
				return nil
			}
			if err := q.ask(ctx, c.term); err != nil {
				return err
			}
			return c.answers.save(p)
		})
	}
	return c.term.Steps(ctx, steps...)
}

func (c *ceremonyCommand) questions(p *ceremony.Policy) []question {
	days := func(role string, field func(*ceremony.Policy) *int, def int) question {
		return question{
			field: "expirations." + role,
			title: "days until " + role + " expires",
			open:  func() bool { return *field(p) == 0 },
			ask: func(ctx context.Context, t *terminal.Terminal) (err error) {
				days, err := askDays(ctx, t, p, role, cmp.Or(*field(p), def))
				if err == nil {
					*field(p) = days
				}
				return err
			},
			take:   func(from *ceremony.Policy) { *field(p) = *field(from) },
			assume: func() { *field(p) = def },
		}
	}
	bins := days(rstuf.RoleBins, func(p *ceremony.Policy) *int { return &p.Expirations.Bins }, ceremony.DefaultOnlineDays)
	bins.unused = func() bool { return len(p.Delegations) > 0 }
	binsOpen := bins.open
	bins.open = func() bool { return !bins.unused() && binsOpen() }
	return []question{
		days(rstuf.RoleTimestamp, func(p *ceremony.Policy) *int { return &p.Expirations.Timestamp }, ceremony.DefaultOnlineDays),
		days(rstuf.RoleSnapshot, func(p *ceremony.Policy) *int { return &p.Expirations.Snapshot }, ceremony.DefaultOnlineDays),
		days(rstuf.RoleTargets, func(p *ceremony.Policy) *int { return &p.Expirations.Targets }, ceremony.DefaultTargetsDays),
		{
			field:  "hash_bins or delegations",
			title:  "hash bins or custom roles",
			open:   func() bool { return p.HashBins == 0 && len(p.Delegations) == 0 },
			ask:    func(ctx context.Context, t *terminal.Terminal) error { return c.askSpread(ctx, t, p) },
			take:   func(from *ceremony.Policy) { p.HashBins, p.Delegations = from.HashBins, from.Delegations },
			assume: func() { p.HashBins = ceremony.DefaultHashBins },
		},
		bins,
		days(rstuf.RoleRoot, func(p *ceremony.Policy) *int { return &p.Expirations.Root }, ceremony.DefaultRootDays),
		{
			field: "threshold",
			title: "root threshold",
			open:  func() bool { return p.Threshold == 0 },
			ask:   func(ctx context.Context, t *terminal.Terminal) error { return askThreshold(ctx, t, p) },
			take:  func(from *ceremony.Policy) { p.Threshold = from.Threshold },
		},
		{
			field: "root_keys",
			title: "root keys",
			open: func() bool {
				return len(p.RootKeys) == 0 || c.term != nil && len(p.RootKeys) < p.Threshold
			},
			ask:  func(ctx context.Context, t *terminal.Terminal) error { return c.askRootKeys(ctx, t, p) },
			take: func(from *ceremony.Policy) { p.RootKeys = from.RootKeys },
		},
		{
			field: "online_key",
			title: "online key",
			open:  func() bool { return p.OnlineKey.ID() == "" },
			ask:   func(ctx context.Context, t *terminal.Terminal) error { return askOnlineKey(ctx, t, p) },
			take:  func(from *ceremony.Policy) { p.OnlineKey = from.OnlineKey },
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
	choice := 0
	return t.Steps(ctx,
		func(ctx context.Context, _ bool) (err error) {
			choice, err = t.Choose(ctx, "Delegations", []string{"hash bins", "custom roles"}, 0)
			return err
		},
		func(ctx context.Context, _ bool) error {
			if choice == 1 {
				roles, err := askRoles(ctx, t)
				if err == nil {
					p.Delegations, p.HashBins = roles, 0
				}
				return err
			}
			bins, err := t.Number(ctx, "Number of hash bins", ceremony.DefaultHashBins, func(n int) error {
				if n < rules.MinHashBins || n > rules.MaxHashBins || n&(n-1) != 0 {
					return fmt.Errorf("please enter a power of two from %d to %d", rules.MinHashBins, rules.MaxHashBins)
				}
				return nil
			})
			if err == nil {
				p.HashBins, p.Delegations = bins, nil
			}
			return err
		},
	)
}

func askThreshold(ctx context.Context, t *terminal.Terminal, p *ceremony.Policy) error {
	least := 2
	if p.AllowThresholdOneUnsafe {
		least = 1
	}
	threshold, err := t.Number(ctx, "Root threshold (how many root keys must sign)", p.Threshold, atLeast(least))
	if err == nil {
		p.Threshold = threshold
	}
	return err
}

// askRootKeys keeps each key as it is given.
func (c *ceremonyCommand) askRootKeys(ctx context.Context, t *terminal.Terminal, p *ceremony.Policy) error {
	list, err := askKeys(ctx, t, "root", p.Threshold, p.RootKeys, func(list []keys.Public) error {
		p.RootKeys = list
		return c.answers.save(p)
	})
	if err == nil {
		p.RootKeys = list
	}
	return err
}

// askKeys asks for keys until there are enough and the person wants no more. It
// tells keep, which may be nil, of the list whenever it has changed.
func askKeys(ctx context.Context, t *terminal.Terminal, role string, threshold int, list []keys.Public, keep func([]keys.Public) error) ([]keys.Public, error) {
	kept := len(list)
	for {
		if len(list) != kept && keep != nil {
			if err := keep(list); err != nil {
				return nil, err
			}
			kept = len(list)
		}
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
			switch {
			case errors.Is(err, terminal.ErrBack) && len(list) > 0: // to what is next
			case err != nil:
				return nil, err
			default:
				list = append(slices.Clip(list), key)
			}
		case action == 2:
			i, err := t.Choose(ctx, "Key to remove", keyNames(list), -1)
			switch {
			case errors.Is(err, terminal.ErrBack):
			case err != nil:
				return nil, err
			default:
				list = slices.Delete(slices.Clone(list), i, i+1)
			}
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
func askKey(ctx context.Context, t *terminal.Terminal, others []keys.Public) (key keys.Public, err error) {
	kind, suggested := 0, ""
	err = t.Steps(ctx,
		func(ctx context.Context, _ bool) (err error) {
			kind, err = t.Choose(ctx, "Kind of key", []string{"public key file (PEM, certificate, key object)", "Sigstore identity"}, 0)
			return err
		},
		func(ctx context.Context, _ bool) (err error) {
			if kind == 0 {
				key, suggested, err = askPublicKey(ctx, t, "Public key file", others)
				return err
			}
			if key, err = askSigstore(ctx, t); err == nil {
				suggested = key.Key().Value["identity"]
			}
			return err
		},
		func(ctx context.Context, _ bool) error {
			name, err := t.Ask(ctx, "Name of the key", suggested, func(name string) error {
				if slices.ContainsFunc(others, func(k keys.Public) bool { return k.Name() == name }) {
					return errors.New("another key has this name")
				}
				return nil
			})
			key = key.WithName(name)
			return err
		},
	)
	return key, err
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
	issuers := []string{"https://github.com/login/oauth", "https://accounts.google.com", "https://login.microsoft.com"}
	identity, issuer := "", 0
	err := t.Steps(ctx,
		func(ctx context.Context, _ bool) (err error) {
			identity, err = t.Ask(ctx, "Sigstore identity (email address)", "", func(text string) error {
				if !strings.Contains(text, "@") {
					return errors.New("please enter an email address")
				}
				return nil
			})
			return err
		},
		func(ctx context.Context, _ bool) (err error) {
			issuer, err = t.Choose(ctx, "Issuer", issuers, -1)
			return err
		},
	)
	return keys.Sigstore(identity, issuers[issuer], identity), err
}

// askOnlineKey asks for the online key and where the workers find it.
func askOnlineKey(ctx context.Context, t *terminal.Terminal, p *ceremony.Policy) error {
	t.Printf("The online key signs everything but root; the workers hold its private part.\n")
	var key keys.Public
	name, uri := "", ""
	err := t.Steps(ctx,
		func(ctx context.Context, _ bool) (err error) {
			key, name, err = askPublicKey(ctx, t, "Public key file of the online key", p.RootKeys)
			return err
		},
		func(ctx context.Context, _ bool) (err error) {
			name, err = t.Ask(ctx, "Name of the online key", name, nil)
			return err
		},
		func(ctx context.Context, _ bool) (err error) {
			t.Printf("fn:NAME is a file in the key folder of the service. With the key id for NAME\nthe embedded service finds the key whatever its file is called.\n")
			uri, err = t.Ask(ctx, "Where workers find it (fn:FILE, awskms:…, gcpkms:…, azurekms:…, hv:…)", "fn:"+key.ID(), func(uri string) error {
				if scheme, rest, ok := strings.Cut(uri, ":"); !ok || scheme == "" || rest == "" {
					return errors.New("please enter a scheme, a colon and a place")
				}
				return nil
			})
			return err
		},
	)
	if err == nil {
		p.OnlineKey = key.WithName(name).WithOnlineURI(uri)
	}
	return err
}

// askRoles asks for custom roles until the person wants no more.
func askRoles(ctx context.Context, t *terminal.Terminal) (roles []ceremony.Role, err error) {
	for {
		role, err := askRole(ctx, t, roles)
		switch {
		case errors.Is(err, terminal.ErrBack) && len(roles) > 0:
			t.Printf("Without role %s again.\n", roles[len(roles)-1].Name)
			roles = roles[:len(roles)-1]
			continue
		case err != nil:
			return nil, err
		}
		roles = append(roles, role)
		more, err := t.Confirm(ctx, "Another role", false)
		switch {
		case errors.Is(err, terminal.ErrBack):
			roles = roles[:len(roles)-1]
		case err != nil || !more:
			return roles, err
		}
	}
}

func askRole(ctx context.Context, t *terminal.Terminal, others []ceremony.Role) (role ceremony.Role, err error) {
	who := 0
	err = t.Steps(ctx,
		func(ctx context.Context, _ bool) (err error) {
			role.Name, err = t.Ask(ctx, "Name of the role", role.Name, func(name string) error {
				if !rules.IsDelegatedRoleName(name) {
					return errors.New("please use letters, digits, - and _, and no name of TUF's own roles")
				}
				if slices.ContainsFunc(others, func(r ceremony.Role) bool { return strings.EqualFold(r.Name, name) }) {
					return errors.New("another role has this name")
				}
				return nil
			})
			return err
		},
		func(ctx context.Context, _ bool) (err error) {
			role.Days, err = t.Number(ctx, fmt.Sprintf("Days until %s expires", role.Name), ceremony.DefaultOnlineDays, atLeast(1))
			return err
		},
		func(ctx context.Context, _ bool) error {
			paths, err := t.Ask(ctx, "Paths of its artifacts (patterns such as dev/*, with spaces between)", "", func(paths string) error {
				for _, pattern := range strings.Fields(paths) {
					if problem := rules.Pattern(pattern); problem != "" {
						return fmt.Errorf("%s: %s", pattern, problem)
					}
				}
				return nil
			})
			role.Paths = strings.Fields(paths)
			return err
		},
		func(ctx context.Context, _ bool) (err error) {
			who, err = t.Choose(ctx, "Signed by", []string{"the online key", "offline keys"}, 0)
			return err
		},
		func(ctx context.Context, _ bool) (err error) {
			if role.Threshold, role.Keys = 0, nil; who == 0 {
				return nil
			}
			role.Threshold, err = t.Number(ctx, fmt.Sprintf("Threshold of %s (how many keys must sign)", role.Name), 0, atLeast(1))
			return err
		},
		func(ctx context.Context, _ bool) (err error) {
			if who == 1 {
				role.Keys, err = askKeys(ctx, t, role.Name, role.Threshold, nil, nil)
			}
			return err
		},
	)
	return role, err
}
