package rstuftest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// Sign has people sign what waits for signatures of a role, by their names in
// [Repository.Keys]; without names all who may.
func (r *Repository) Sign(t testing.TB, role string, people ...string) {
	t.Helper()
	if err := r.sign(t.Context(), role, people); err != nil {
		t.Fatalf("rstuftest: sign %s: %v", role, err)
	}
}

func (r *Repository) sign(ctx context.Context, role string, people []string) error {
	drafts, err := ceremony.Pending(ctx, r.Client)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(drafts, func(d *ceremony.Draft) bool { return d.Role() == role })
	if i < 0 {
		return ceremony.ErrNothingPending
	}
	roots, err := r.roots(ctx)
	if err != nil {
		return err
	}
	draft := drafts[i]
	if err := draft.Pin(roots...); err != nil {
		return err
	}
	all := len(people) == 0
	if all {
		people = slices.Sorted(maps.Keys(r.Keys))
	}
	for _, name := range people {
		key := r.Keys[name]
		if key == nil {
			return fmt.Errorf("nobody is called %q: see WithRole", name)
		}
		if err := draft.Sign(ctx, key); err != nil && !(all && errors.Is(err, ceremony.ErrNotSigner)) {
			return err
		}
	}
	_, err = draft.Send(ctx, r.Client)
	return err
}

// roots are all roots from the first on.
func (r *Repository) roots(ctx context.Context) ([]*metadata.Document, error) {
	first, err := metadata.Parse(r.RootJSON)
	if err != nil {
		return nil, err
	}
	list := []*metadata.Document{first}
	for {
		data, err := r.storage.Read(ctx, metadata.Filename("root", list[len(list)-1].Version()+1))
		if err != nil {
			return list, nil
		}
		next, err := metadata.Parse(data)
		if err != nil {
			return nil, err
		}
		list = append(list, next)
	}
}

// RotateRoot publishes the next root, with a new key in place of the first of
// RootKeys, which goes. The new one is of its type and comes last.
func (r *Repository) RotateRoot(t testing.TB) {
	t.Helper()
	old := r.RootKeys[0]
	fresh, err := keys.Generate(r.types.root[0], old.Public().Name()+"+")
	if err != nil {
		t.Fatalf("rstuftest: rotate root: %v", err)
	}
	change := ceremony.Change{AddRootKeys: []keys.Public{fresh.Public()}, RemoveRootKeys: []string{old.Public().Name()}}
	r.ChangeRoot(t, change, fresh)
	r.RootKeys = append(slices.Clone(r.RootKeys[1:]), fresh)
	r.types.root = append(slices.Clone(r.types.root[1:]), r.types.root[0])
}

// RotateOnlineKey publishes the next root, with a new online key of the same
// type, which signs everything anew.
func (r *Repository) RotateOnlineKey(t testing.TB) {
	t.Helper()
	if err := r.rotateOnlineKey(t.Context()); err != nil {
		t.Fatalf("rstuftest: rotate the online key: %v", err)
	}
}

func (r *Repository) rotateOnlineKey(ctx context.Context) error {
	fresh, err := keys.Generate(r.types.online, r.OnlineKey.Public().Name()+"+")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.keyFolder, 0o700); err != nil {
		return err
	}
	if err := fresh.Save(filepath.Join(r.keyFolder, fresh.Public().ID()), keys.SaveOptions{Plain: true}); err != nil {
		return err
	}
	if err := r.changeRoot(ctx, ceremony.Change{OnlineKey: fresh}); err != nil {
		return err
	}
	r.OnlineKey = fresh
	return nil
}

// ChangeRoot publishes the next root with any change. RootKeys sign it, and the
// keys given; which of them go or stay in RootKeys is for the caller to say.
func (r *Repository) ChangeRoot(t testing.TB, change ceremony.Change, signers ...*keys.Private) {
	t.Helper()
	if err := r.changeRoot(t.Context(), change, signers...); err != nil {
		t.Fatalf("rstuftest: change root: %v", err)
	}
}

func (r *Repository) changeRoot(ctx context.Context, change ceremony.Change, signers ...*keys.Private) error {
	roots, err := r.roots(ctx)
	if err != nil {
		return err
	}
	change.Now = r.Now()
	draft, err := ceremony.Next(ctx, roots[len(roots)-1], change)
	if err != nil {
		return err
	}
	for _, key := range slices.Concat(r.RootKeys, signers) {
		if err := draft.Sign(ctx, key); err != nil {
			return err
		}
	}
	task, err := r.Client.UpdateMetadata(ctx, draft.Document().Bytes())
	if err != nil {
		return err
	}
	return r.wait(ctx, task)
}
