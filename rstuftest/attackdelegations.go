package rstuftest

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/metadata"
)

// delegationAttacks are made of delegations and names. Their author has the
// online key, or the key of a role that may delegate.
var delegationAttacks = []Attack{
	{
		Name: "cycle of delegations", Section: "5.6.7.1",
		Text:  "Two roles delegate all paths to each other.",
		Must:  "visit each role once, and say that there is no such artifact",
		begin: cycle,
		trial: trial{path: "nowhere/to be found", unpublished: true, stolen: true, cold: true, refuse: true, options: machines},
	},
	{
		Name: "flood of delegations", Section: "5.6.7.1",
		Text:  "A role delegates all paths to hundreds of others.",
		Must:  "visit a bounded number of roles",
		begin: flood,
		trial: trial{path: "nowhere/to be found", unpublished: true, stolen: true, cold: true, refuse: true, options: machines},
	},
	{
		Name: "artifact whose name leaves the folder", Section: "4.5",
		Text:  `Metadata has an artifact whose path begins with "../".`,
		Must:  "write nothing outside of the folder for artifacts",
		begin: strayArtifact,
		trial: trial{path: strayPath, unpublished: true, stolen: true, cold: true, options: machines, content: strayContent},
	},
	{
		Name: "role whose name leaves the folder", Section: "4.5",
		Text:  `Metadata delegates to a role whose name begins with "../".`,
		Must:  "write nothing outside of the cache",
		begin: strayRole,
		trial: trial{path: strayRoleFile, unpublished: true, stolen: true, cold: true, options: machines, content: strayContent},
	},
}

// A role that the online key signs, and that may be given delegations.
var machines = []Option{WithRole(ceremony.Role{Name: "machines", Paths: []string{"*", "*/*"}, NotTerminating: true})}

const (
	strayPath     = "../stray.txt"
	strayRoleFile = "by a stray role/file"
	strayContent  = "stray\n"
)

// delegating has the targets role delegate everything to one made-up role after
// another, and serves what they sign.
type delegating struct {
	*attacker
	s  *state
	by signer
	of map[string]*metadata.Targets // roles by name
}

func (a *attacker) delegating(ctx context.Context) (*delegating, error) {
	s, by, err := a.stolen(ctx)
	if err != nil {
		return nil, err
	}
	targets, err := a.targets(ctx, rstuf.RoleTargets, s)
	if err != nil {
		return nil, err
	}
	targets.Version++
	targets.Delegations = nil
	return &delegating{a, s, by, map[string]*metadata.Targets{rstuf.RoleTargets: targets}}, nil
}

// delegate has a role delegate all paths to another, which is made if it is new.
func (d *delegating) delegate(from, to string) {
	by := d.of[from]
	if by.Delegations == nil {
		by.Delegations = &metadata.Delegations{Keys: map[string]rstuf.Key{d.by.ids[0]: d.by.key.Public().Key()}}
	}
	by.Delegations.Roles = append(by.Delegations.Roles, rstuf.DelegatedRole{
		Name: to, Paths: []string{"*", "*/*", "../*"}, KeyIDs: d.by.ids[:1], Threshold: 1,
	})
	if d.of[to] == nil {
		d.of[to] = &metadata.Targets{Version: 1, Expires: d.Now().AddDate(0, 1, 0), Targets: map[string]metadata.TargetFile{}}
	}
}

// publish serves all of it.
func (d *delegating) publish(ctx context.Context) error {
	var all []error
	for name, role := range d.of {
		d.s.snapshot.Meta[name+".json"] = metadata.MetaFile{Version: role.Version}
		all = append(all, d.forge(ctx, name, role.Version, role, d.by))
	}
	d.s.snapshot.Version++
	d.s.timestamp.Version++
	return errors.Join(append(all, d.forgeState(ctx, d.s, d.by))...)
}

func cycle(ctx context.Context, a *attacker) error {
	d, err := a.delegating(ctx)
	if err != nil {
		return err
	}
	d.delegate(rstuf.RoleTargets, "one")
	d.delegate("one", "two")
	d.delegate("two", "one")
	return d.publish(ctx)
}

func flood(ctx context.Context, a *attacker) error {
	d, err := a.delegating(ctx)
	if err != nil {
		return err
	}
	for i := range 500 {
		d.delegate(rstuf.RoleTargets, fmt.Sprintf("flood-%d", i))
	}
	return d.publish(ctx)
}

func strayArtifact(ctx context.Context, a *attacker) error {
	d, err := a.delegating(ctx)
	if err != nil {
		return err
	}
	d.of[rstuf.RoleTargets].Targets[strayPath] = metadata.TargetFile{ArtifactInfo: describe([]byte(strayContent))}
	// However a client writes the path, the server has the file.
	a.answers[artifactsPath] = strayFile
	a.answers["/stray.txt"] = strayFile
	return d.publish(ctx)
}

func strayFile(w http.ResponseWriter, _ *http.Request) { serveArtifact(w, []byte(strayContent)) }

func strayRole(ctx context.Context, a *attacker) error {
	d, err := a.delegating(ctx)
	if err != nil {
		return err
	}
	const name = "../stray"
	d.delegate(rstuf.RoleTargets, name)
	d.of[name].Targets[strayRoleFile] = metadata.TargetFile{ArtifactInfo: describe([]byte(strayContent))}
	a.artifacts[strayRoleFile] = []byte(strayContent)
	if err := d.publish(ctx); err != nil {
		return err
	}
	data := a.files[metadata.Filename(name, 1)]
	a.answers[metadataPath+"1."+name+".json"] = func(w http.ResponseWriter, _ *http.Request) { w.Write(data) } // unescaped
	return nil
}
