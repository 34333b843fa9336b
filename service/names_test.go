package service_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
)

// Names of roles that a file system or a reader could confuse are refused: in
// one request, and with those that a role ever had.
func TestConfusableNames(t *testing.T) {
	t.Parallel()
	role := func(name string) rstuf.DelegatedRole {
		return rstuf.DelegatedRole{Name: name, Terminating: true, KeyIDs: []string{}, Threshold: 1, Paths: []string{"b/*"}, ExpirePolicy: 1}
	}
	f := newFixture(t)
	f.bootstrap(func(p *ceremony.Policy) {
		p.HashBins, p.Delegations = 0, []ceremony.Role{{Name: "all", Paths: []string{"a/*"}, Days: 1}}
	})
	request := func(names ...string) rstuf.DelegationsUpdate {
		r := rstuf.DelegationsUpdate{Delegations: rstuf.Delegations{Keys: map[string]rstuf.Key{}}}
		for _, name := range names {
			r.Delegations.Roles = append(r.Delegations.Roles, role(name))
		}
		return r
	}
	for _, names := range [][]string{
		{"Root"}, {"TIMESTAMP"}, {"snapShot"}, {"Targets"}, {"CON"}, {"nul"}, {"Com1"}, {"lpt9"}, {"dot."}, {"a.b"}, {"new", "NEW"},
	} {
		code, text := f.call("POST", "/delegations/", request(names...))
		assert.Equal(t, http.StatusUnprocessableEntity, code, "%v: %s", names, text)
	}
	failed := f.ok(f.post("/delegations/", request("ALL"))).FailedRoles
	assert.Len(t, failed, 1, "it was named all before")
	f.ok(f.post("/delegations/delete", rstuf.DelegationsDelete{Roles: []string{"all"}}))
	failed = f.ok(f.post("/delegations/", request("All"))).FailedRoles
	assert.Len(t, failed, 1, "also when that role is gone")
	f.ok(f.post("/delegations/", request("confused", "company")))
}
