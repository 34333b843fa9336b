package rstuftest

import (
	"slices"
	"testing"
)

// Attacks are all attacks. The text of each tells what an attacker needs: mostly
// nothing but a place between the client and the servers.
func Attacks() []Attack {
	return slices.Concat(versionAttacks, contentAttacks, keyAttacks, delegationAttacks)
}

// AttackNamed is the attack with this name. The test fails if there is none.
func AttackNamed(t testing.TB, name string) Attack {
	t.Helper()
	return named(t, Attacks(), func(a Attack) string { return a.Name }, name, "attack %q: see Attacks")
}

// named is the value with a name. The test fails if there is none.
func named[V any](t testing.TB, all []V, nameOf func(V) string, name, what string) V {
	t.Helper()
	i := slices.IndexFunc(all, func(v V) bool { return nameOf(v) == name })
	if i < 0 {
		t.Fatalf("rstuftest: there is no "+what, name)
	}
	return all[i]
}
