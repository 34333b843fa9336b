package ceremony

import (
	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// mldsaReaders says who cannot read a document with an ML-DSA key. Package
// health has the same of each client, and a test of it compares the two.
const mldsaReaders = "go-tuf 2.4 verifies no role that has an ML-DSA key, even where the threshold is met without it; " +
	"python-tuf refuses the document unless it has securesystemslib 1.6 and cryptography 48 or newer, which deployed RSTUF workers lack; " +
	"tough refuses the document; tuf-js passes over such signatures"

// checkNamed wants ML-DSA keys to be allowed by whoever decides: most clients of
// today cannot read what has one. One problem stands for all the keys.
func checkNamed(found *problems, at string, list []keys.Public, allowed bool) {
	for _, key := range list {
		if key.PostQuantum() && !allowed {
			found.add("%s (%s): an ML-DSA key must be allowed (allow_ml_dsa, or post_quantum with a number): %s", at, key, mldsaReaders)
			return
		}
	}
}

// checkPostQuantum wants so few keys of other kinds that any threshold of the
// keys has at least so many post-quantum ones: TUF knows no other way to say it.
func checkPostQuantum(found *problems, atLeast, threshold, classical int) {
	switch most := threshold - atLeast; {
	case atLeast == 0:
	case atLeast < 0 || most < 0:
		found.add("post-quantum: %d of the %d signatures of the threshold is not possible", atLeast, threshold)
	case classical > most:
		found.add("post-quantum: so that %d of any %d root signatures are, at most %d of the root keys may be of another kind than ML-DSA, but %d are",
			atLeast, threshold, most, classical)
	}
}

// classical counts the keys that are not post-quantum.
func classical(list []keys.Public) int {
	n := 0
	for _, key := range list {
		if !key.PostQuantum() {
			n++
		}
	}
	return n
}

// checkPostQuantum holds the policy's keys against what it says of them.
func (p Policy) checkPostQuantum(found *problems) {
	allowed := p.AllowMLDSA || p.PostQuantum > 0
	checkNamed(found, "root key", p.RootKeys, allowed)
	for _, role := range p.Delegations {
		checkNamed(found, "delegation "+role.Name, role.Keys, allowed)
	}
	if p.Threshold > 0 {
		checkPostQuantum(found, p.PostQuantum, p.Threshold, classical(p.RootKeys))
	}
}

// checkPostQuantum holds the next root against the change; before is the root
// before it. What that root has already needs no new leave.
func (c Change) checkPostQuantum(before, next *metadata.Root, found *problems) {
	checkNamed(found, "root key", c.AddRootKeys, c.AllowMLDSA || c.PostQuantum > 0 || len(mldsaKeys(before.Keys)) > 0)
	if d, err := next.Delegation(rstuf.RoleRoot); err == nil {
		checkPostQuantum(found, c.PostQuantum, d.Threshold, d.DistinctKeys()-d.PostQuantumKeys())
	}
}

// mldsaKeys are those of the keys.
func mldsaKeys(all map[string]rstuf.Key) []keys.Public {
	var list []keys.Public
	for _, id := range sortedNames(all, nil) {
		if key, err := keys.FromKey(all[id]); err == nil && key.PostQuantum() {
			list = append(list, key)
		}
	}
	return list
}

// reviewPostQuantum says before anybody signs what ML-DSA keys promise, and
// whom they lock out.
func (d *Draft) reviewPostQuantum(r *Review) {
	found := 0
	for _, signers := range d.signers {
		found += signers.PostQuantumKeys()
	}
	if d.role == rstuf.RoleRoot {
		found += len(mldsaKeys(mustRoot(d.document).Keys))
	}
	if d.bootstrap != nil && d.bootstrap.Settings.Roles.Delegations != nil {
		found += len(mldsaKeys(d.bootstrap.Settings.Roles.Delegations.Keys))
	}
	if found > 0 {
		r.warn("not every client can read it: %s", mldsaReaders)
	}
	if d.role != rstuf.RoleRoot {
		return
	}
	own := d.signers[len(d.signers)-1]
	if own.PostQuantumKeys() > 0 {
		r.item("post-quantum", "at least %d of any %d root signatures", own.PostQuantum(), own.Threshold)
	}
	if before := d.signers[0]; own.PostQuantum() < before.PostQuantum() {
		r.warn("at least %d of any %d root signatures were post-quantum, now at least %d of any %d are",
			before.PostQuantum(), before.Threshold, own.PostQuantum(), own.Threshold)
	}
}
