package rstuftest

import "slices"

// Attacks are all attacks. The text of each tells what an attacker needs: mostly
// nothing but a place between the client and the servers.
func Attacks() []Attack {
	return slices.Concat(versionAttacks, contentAttacks, keyAttacks, delegationAttacks)
}
