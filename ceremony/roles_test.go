package ceremony_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
)

// TestRecordedRoleChanges makes the requests of a recording, and describes
// what they come to.
func TestRecordedRoleChanges(t *testing.T) {
	t.Parallel()
	r := record(t, "custom-delegations")
	root := r.published("1.root.json")
	dev3 := r.public("dev3")

	plan, err := ceremony.PlanRoles(root, r.published("1.targets.json"), ceremony.RoleChange{Add: []ceremony.Role{
		{Name: "extra", Paths: []string{"extra/*"}, Days: 30},
		{Name: "rel", Paths: []string{"rel/*"}, Keys: dev3, Threshold: 1, Days: 30},
	}})
	require.NoError(t, err)
	assert.JSONEq(t, string(r.body("delegations.add")), encode(t, plan.Add))
	assert.NoError(t, plan.Add.Validate())
	assert.Nil(t, plan.Update)
	assert.Nil(t, plan.Remove)
	online := r.keys["online"].Public().ID()
	assert.Equal(t, `+ delegation: extra: paths extra/*; signed by 1 of online `+online+`; life of 30 days
+ delegation: rel: paths rel/*; signed by 1 of dev3 `+dev3[0].ID()+`; life of 30 days
+ key: dev3, ed25519, key id `+dev3[0].ID()+`
`, plan.String())

	plan, err = ceremony.PlanRoles(root, r.published("2.targets.json"), ceremony.RoleChange{Update: []ceremony.Role{
		{Name: "extra", Paths: []string{"extra/*", "more/*"}, Days: 60},
	}})
	require.NoError(t, err)
	assert.JSONEq(t, string(r.body("delegations.update")), encode(t, plan.Update))

	// A key goes with the last role that has it, and the online key stays.
	plan, err = ceremony.PlanRoles(root, r.published("5.targets.json"), ceremony.RoleChange{Remove: []string{"rel", "dev"}})
	require.NoError(t, err)
	assert.Equal(t, `{"delegations":{"roles":[{"name":"rel"},{"name":"dev"}]}}`, encode(t, plan.Remove))
	var gone []string
	for _, change := range plan.Changes {
		assert.Empty(t, change.New)
		if change.Field == "key" {
			gone = append(gone, change.Old)
		}
	}
	assert.Len(t, gone, 3, "%q", gone)
}

func TestPlanRolesMovesKeys(t *testing.T) {
	t.Parallel()
	r := record(t, "custom-delegations")
	plan, err := ceremony.PlanRoles(r.published("1.root.json"), r.published("1.targets.json"), ceremony.RoleChange{
		Remove: []string{"dev"},
		Add:    []ceremony.Role{{Name: "dev-2", Paths: []string{"dev/*"}, Keys: r.public("dev1", "dev3"), Threshold: 2, Days: 10}},
	})
	require.NoError(t, err)
	text := plan.String()
	assert.Contains(t, text, "- key: dev2")
	assert.Contains(t, text, "+ key: dev3")
	assert.NotContains(t, text, "key: dev1", "it is still in use")
}

func TestBadRoleChanges(t *testing.T) {
	t.Parallel()
	r := record(t, "custom-delegations")
	root, targets := r.published("1.root.json"), r.published("1.targets.json")
	role := func(name string) ceremony.Role {
		return ceremony.Role{Name: name, Paths: []string{"x/*"}, Days: 1}
	}
	for name, c := range map[string]struct {
		change ceremony.RoleChange
		want   []string
	}{
		"nothing": {ceremony.RoleChange{}, []string{"it changes nothing"}},
		"no change": {ceremony.RoleChange{Update: []ceremony.Role{{Name: "dev", Paths: []string{"dev/*"}, Keys: r.public("dev1", "dev2"), Threshold: 2, Days: 30}}},
			[]string{"it changes nothing"}},
		"names": {ceremony.RoleChange{Add: []ceremony.Role{role("dev"), role("a/b")}, Update: []ceremony.Role{role("ghost"), role("dev")}, Remove: []string{"none", "dev", "dev"}},
			[]string{`add "dev": the role exists`, `delegation "a/b": a name has`, `update "ghost": there is no such role`, `remove "none"`, `"dev": the name stands there twice`, `remove "dev": the role is also to be updated`}},
		"online key": {ceremony.RoleChange{Add: []ceremony.Role{{Name: "x", Paths: []string{"x"}, Days: 1, Threshold: 1, Keys: []keys.Public{r.keys["online"].Public()}}}},
			[]string{"is the online key"}},
	} {
		_, err := ceremony.PlanRoles(root, targets, c.change)
		require.Error(t, err, name)
		for _, want := range c.want {
			assert.ErrorContains(t, err, want, name)
		}
	}
	_, err := ceremony.PlanRoles(roots(t, 1)[0], targets, ceremony.RoleChange{Remove: []string{"dev"}})
	assert.Error(t, err, "targets of another repository")
	_, err = ceremony.PlanRoles(targets, root, ceremony.RoleChange{Remove: []string{"dev"}})
	assert.Error(t, err, "the wrong way round")
	bins := record(t, "hash-bins")
	_, err = ceremony.PlanRoles(bins.published("1.root.json"), bins.published("1.targets.json"), ceremony.RoleChange{Add: []ceremony.Role{role("x")}})
	assert.ErrorContains(t, err, "hash bins")
}
