package rstuftest

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// keyAttacks sign with keys that do not count, or not so often.
var keyAttacks = []Attack{
	{
		Name: "metadata signed by strangers", Section: "5.4.2",
		Text:  "The server sends a newer state of the repository that other keys have signed.",
		Must:  "refuse it",
		begin: signedByStrangers,
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "root signed by strangers", Section: "5.3.4",
		Text:  "The server sends a next root that strangers have signed, and a whole repository of theirs.",
		Must:  "refuse the root",
		begin: rootOfStrangers,
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "root signed for itself alone", Section: "5.3.4",
		Text:  "The server sends a next root with the rightful root keys and a stranger's, signed by as many strangers as it asks for.",
		Must:  "want the threshold of the root before, too",
		begin: rootForItself,
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "intermediate root withheld", Section: "5.3.3",
		Text:  "The server lacks one root of the chain, and sends the one after it in its place.",
		Must:  "follow the chain root by root, and refuse what the roots that it can reach do not vouch for",
		begin: rootWithheld,
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "root of the same version again", Section: "5.3.5",
		Text:  "The server sends the current root as the next one, again and again.",
		Must:  "refuse a root whose version is not the next",
		begin: rootAgain,
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "threshold faked by duplicate signatures", Section: "5.3.4",
		Text:  "Whoever has one root key of two signs a root with it twice.",
		Must:  "count each key once",
		begin: fakeThreshold(func(alice, bob string) (string, string) { return alice, alice }),
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "threshold faked by foreign key ids", Section: "5.3.4",
		Text:  "Whoever has one root key of two puts its signature under the id of the other, too.",
		Must:  "verify each signature with the key of its id",
		begin: fakeThreshold(func(alice, bob string) (string, string) { return alice, bob }),
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "threshold faked by duplicate keys", Section: "4.3",
		Text:  "Metadata lists a key under two ids for a role of threshold two, and that one key signs twice.",
		Must:  "count each key once, whatever its ids",
		begin: oneKeyTwoIDs,
		trial: trial{refuse: true, cold: true, stolen: true, path: peoplePath, options: people},
	},
	{
		Name: "role signed by a key of another role", Section: "5.6.3",
		Text:  "Whoever has the online key signs a role of people with it.",
		Must:  "want the signatures that the delegation asks for",
		begin: roleOfOthers,
		trial: trial{refuse: true, cold: true, stolen: true, path: peoplePath, options: people},
	},
	{
		Name: "revoked key", Section: "5.3.4",
		Text:  "The online key was stolen and replaced; the thief goes on to sign with it.",
		Must:  "refuse what the revoked key signs",
		begin: revoked,
		trial: trial{refuse: true, cold: true},
	},
}

// A role of people, of whom two must sign.
const peoplePath = "people/file"

var people = []Option{WithRole(ceremony.Role{Name: "people", Paths: []string{"people/*"}}, "carol", "dave")}

func signedByStrangers(ctx context.Context, a *attacker) error {
	by, err := newSigner("stranger")
	if err != nil {
		return err
	}
	return a.forgeAll(ctx, 1, by)
}

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

// rootWithheld makes two roots with two online keys, and leaves out the first.
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
	last, err := a.storage.Read(ctx, metadata.Filename(rstuf.RoleRoot, root.Version))
	if err != nil {
		return err
	}
	a.files[metadata.Filename(rstuf.RoleRoot, root.Version-1)] = last
	return nil
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

// forgeRole serves a role of people with the attacker's artifacts, signed as given.
func (a *attacker) forgeRole(ctx context.Context, change func(*metadata.Delegations), signers ...signer) error {
	s, by, err := a.stolen(ctx)
	if err != nil {
		return err
	}
	targets, err := a.targets(ctx, rstuf.RoleTargets, s)
	if err != nil {
		return err
	}
	if targets.Delegations == nil || len(targets.Delegations.Roles) == 0 {
		return errors.New("the repository has no role of people: see WithRole")
	}
	name := targets.Delegations.Roles[0].Name
	role, err := a.targets(ctx, name, s)
	if err != nil {
		return fmt.Errorf("the role %s: %w", name, err)
	}
	change(targets.Delegations)
	a.spoil()
	for path := range role.Targets {
		role.Targets[path] = metadata.TargetFile{ArtifactInfo: describe(a.artifacts[path])}
	}
	targets.Version++
	role.Version++
	s.snapshot.Meta["targets.json"] = metadata.MetaFile{Version: targets.Version}
	s.snapshot.Meta[name+".json"] = metadata.MetaFile{Version: role.Version}
	s.snapshot.Version++
	s.timestamp.Version++
	return errors.Join(
		a.forge(ctx, rstuf.RoleTargets, targets.Version, targets, by),
		a.forge(ctx, name, role.Version, role, signers...),
		a.forgeState(ctx, s, by))
}

func roleOfOthers(ctx context.Context, a *attacker) error {
	by, err := a.online(ctx)
	if err != nil {
		return err
	}
	return a.forgeRole(ctx, func(*metadata.Delegations) {}, by)
}

// oneKeyTwoIDs lists the first person's key under a second id.
func oneKeyTwoIDs(ctx context.Context, a *attacker) error {
	carol := a.Keys["carol"]
	if carol == nil {
		return errors.New("the repository has no person called carol: see WithRole")
	}
	ids := []string{carol.Public().ID(), string(bytes.Repeat([]byte("0c"), 32))}
	return a.forgeRole(ctx, func(d *metadata.Delegations) {
		for _, id := range ids {
			d.Keys[id] = carol.Public().Key()
		}
		d.Roles[0].KeyIDs, d.Roles[0].Threshold = ids, 2
	}, signer{keys.Signer(carol), ids})
}

func revoked(ctx context.Context, a *attacker) error {
	by, err := a.online(ctx)
	if err != nil {
		return err
	}
	if err := a.rotateOnlineKey(ctx); err != nil {
		return err
	}
	return a.forgeAll(ctx, 10, by)
}
