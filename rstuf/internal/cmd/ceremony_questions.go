package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/rules"
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
	// restored tells that an earlier run has asked it.
	restored bool
}

// complete asks for what the policy leaves open, in the order of RSTUF's
// Python CLI, and shows what all of it means. Without a terminal, all that is
// open is one error.
func (c *ceremonyCommand) complete(ctx context.Context, p *ceremony.Policy) error {
	questions := c.questions(p)
	if c.term != nil {
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
	c.term.Record(c.answers.open.Answers, func(given []terminal.Answer) error {
		if !c.answers.kept() {
			if err := c.answers.savePolicy(p); err != nil {
				return err
			}
		}
		return c.answers.saveOpen(given)
	})
	defer c.term.Record(nil, nil)
	return c.term.Steps(ctx, append(c.openSteps(p, questions), func(ctx context.Context, _ bool) error {
		return c.agree(ctx, p, questions)
	})...)
}

// openSteps ask the questions that are open, and keep what they come to.
func (c *ceremonyCommand) openSteps(p *ceremony.Policy, questions []question) (steps []terminal.Step) {
	for _, q := range questions {
		steps = append(steps, func(ctx context.Context, again bool) error {
			if !again && !q.open() && c.answers.open.Field != q.field {
				if q.restored {
					c.term.Answered()
				}
				return nil
			}
			c.answers.open.Field = q.field
			if err := q.ask(ctx, c.term); err != nil {
				if errors.Is(err, terminal.ErrBack) {
					c.term.Forget()
				}
				return err
			}
			c.answers.open.Field = ""
			return c.save(p)
		})
	}
	return steps
}

func (c *ceremonyCommand) questions(p *ceremony.Policy) []question {
	days := func(role string, field func(*ceremony.Policy) *int, def int) question {
		return question{
			field: "expirations." + role,
			title: "days until " + role + " expires",
			open:  func() bool { return *field(p) == 0 },
			ask: func(ctx context.Context, t *terminal.Terminal) error {
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
	t.Explain("Artifacts are spread over hash bins, which the online key signs, or go to custom roles by their paths, signed by the online key or by offline keys.\n")
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
