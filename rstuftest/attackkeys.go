package rstuftest

import (
	"bytes"
	"context"
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
		Text:  "The server holds back one root of the chain, and has those after it.",
		Must:  "refuse what the roots that it can reach do not vouch for",
		begin: rootWithheld,
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "intermediate root skipped", Section: "5.3.5",
		Text:  "The server sends a root of the chain in the place of the one before it.",
		Must:  "refuse a root whose version is not the next",
		begin: rootSkipped,
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "root of the same version again", Section: "5.3.5",
		Text:  "The server sends the current root as the next one, again and again.",
		Must:  "discard it, and refuse or go on with the root that it has",
		begin: rootAgain,
		trial: trial{cold: true},
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
