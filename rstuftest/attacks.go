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
	all := Attacks()
	i := slices.IndexFunc(all, func(a Attack) bool { return a.Name == name })
	if i < 0 {
		t.Fatalf("rstuftest: there is no attack %q: see Attacks", name)
	}
	return all[i]
}
