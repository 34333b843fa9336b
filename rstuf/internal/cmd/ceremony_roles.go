package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/rstuf/internal/terminal"
)

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
