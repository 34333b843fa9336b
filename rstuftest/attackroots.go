package rstuftest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// strangersRoot is a next root with a stranger's online key.
func (a *attacker) strangersRoot(ctx context.Context) (*metadata.Root, signer, error) {
	by, err := newSigner("stranger")
	if err != nil {
		return nil, by, err
	}
	root, err := a.newestRoot(ctx)
	if err != nil {
		return nil, by, err
	}
	next := root.Next()
	return next, by, next.SetOnlineKey(by.key.Public())
}

func rootOfStrangers(ctx context.Context, a *attacker) error {
	next, by, err := a.strangersRoot(ctx)
	if err != nil {
		return err
	}
	var strangers []signer
	role := next.Roles[rstuf.RoleRoot]
	role.KeyIDs, role.Threshold = nil, 2
	for range 2 {
		s, err := newSigner("stranger with a root key")
		if err != nil {
			return err
		}
		strangers = append(strangers, s)
		next.Keys[s.ids[0]] = s.key.Public().Key()
		role.KeyIDs = append(role.KeyIDs, s.ids[0])
	}
	next.Roles[rstuf.RoleRoot] = role
	return errors.Join(a.forge(ctx, rstuf.RoleRoot, next.Version, next, strangers...), a.forgeAll(ctx, 1, by))
}

func rootForItself(ctx context.Context, a *attacker) error {
	next, by, err := a.strangersRoot(ctx)
	if err != nil {
		return err
	}
	stranger, err := newSigner("stranger with a root key")
	if err != nil {
		return err
	}
	role := next.Roles[rstuf.RoleRoot]
	role.KeyIDs, role.Threshold = append(role.KeyIDs, stranger.ids...), 1
	next.Keys[stranger.ids[0]] = stranger.key.Public().Key()
	next.Roles[rstuf.RoleRoot] = role
	return errors.Join(a.forge(ctx, rstuf.RoleRoot, next.Version, next, stranger), a.forgeAll(ctx, 1, by))
}

// rootWithheld makes two roots with new online keys, and leaves out the first.
func rootWithheld(ctx context.Context, a *attacker) error {
	for range 2 {
		if err := a.rotateOnlineKey(ctx); err != nil {
			return err
		}
	}
	root, err := a.newestRoot(ctx)
	if err != nil {
		return err
	}
	a.files[metadata.Filename(rstuf.RoleRoot, root.Version-1)] = nil
	return nil
}

// rootSkipped has the second of two new roots in the place of the first.
func rootSkipped(ctx context.Context, a *attacker) error {
	if err := rootWithheld(ctx, a); err != nil {
		return err
	}
	root, err := a.newestRoot(ctx)
	if err != nil {
		return err
	}
	name := metadata.Filename(rstuf.RoleRoot, root.Version-1)
	a.files[name], err = a.storage.Read(ctx, metadata.Filename(rstuf.RoleRoot, root.Version))
	return err
}

func rootAgain(ctx context.Context, a *attacker) error {
	root, err := a.newestRoot(ctx)
	if err != nil {
		return err
	}
	data, err := a.storage.Read(ctx, metadata.Filename(rstuf.RoleRoot, root.Version))
	if err != nil {
		return err
	}
	for i := range int64(patience) {
		a.files[metadata.Filename(rstuf.RoleRoot, root.Version+1+i)] = data
	}
	return nil
}

// fakeThreshold has the first root key sign a root twice, under the ids that are
// chosen.
func fakeThreshold(choose func(first, second string) (string, string)) func(context.Context, *attacker) error {
	return func(ctx context.Context, a *attacker) error {
		next, by, err := a.strangersRoot(ctx)
		if err != nil {
			return err
		}
		ids := next.Roles[rstuf.RoleRoot].KeyIDs
		one, two := choose(ids[0], ids[1])
		doc, err := metadata.New(next)
		if err != nil {
			return err
		}
		signature, err := a.RootKeys[0].Sign(ctx, doc.Canonical())
		if err != nil {
			return err
		}
		data, err := signedTwice(doc, one, two, signature)
		a.files[metadata.Filename(rstuf.RoleRoot, next.Version)] = data
		return errors.Join(err, a.forgeAll(ctx, 1, by))
	}
}

// signedTwice is a file with one signature under two ids, or twice under one,
// which package metadata would not write.
func signedTwice(doc *metadata.Document, one, two string, signature []byte) ([]byte, error) {
	list, err := json.Marshal([]map[string]string{
		{"keyid": one, "sig": hex.EncodeToString(signature)}, {"keyid": two, "sig": hex.EncodeToString(signature)},
	})
	return fmt.Appendf(nil, `{"signatures":%s,"signed":%s}`, list, doc.Canonical()), err
}
