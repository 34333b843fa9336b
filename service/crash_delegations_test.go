package service

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
)

// The same with custom delegations and everything that waits for signatures:
// the first root, and a role of an offline key.
func TestCrashAtEveryStepOfSigning(t *testing.T) {
	t.Parallel()
	private := crashKeys(t, "alice", "bob", "online", "dev")
	dev := private[3]
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: []keys.Public{private[0].Public(), private[1].Public()}, Threshold: 2, OnlineKey: private[2].Public(),
		Delegations: []ceremony.Role{
			{Name: "pub", Paths: []string{"pub/*"}, Days: 30},
			{Name: "dev", Paths: []string{"dev/*"}, Days: 30, Keys: []keys.Public{dev.Public()}, Threshold: 1},
		},
	})
	require.NoError(t, err)
	require.NoError(t, draft.Sign(t.Context(), private[0]))

	extra := rstuf.DelegatedRole{Name: "extra", Threshold: 1, Terminating: true, Paths: []string{"extra/*"}, ExpirePolicy: 30}
	adding := rstuf.DelegationsUpdate{Delegations: rstuf.Delegations{Keys: map[string]rstuf.Key{}, Roles: []rstuf.DelegatedRole{extra}}}
	removing := rstuf.DelegationsDelete{Roles: []string{"extra"}}
	public, publicEffect := add(map[string]int{"pub/a": 1, "pub/b": 2})
	offline, _ := add(map[string]int{"dev/c": 3})
	last, lastEffect := add(map[string]int{"extra/d": 4})
	crashEverywhere(t, private[2:3], 80, func(r *crashRun) bool {
		return r.send("POST", "/bootstrap/", draft.Payload(), nil) &&
			r.sign(rstuf.RoleRoot, private[1], nil) &&
			r.sign("dev", dev, nil) &&
			r.send("POST", "/artifacts/", public, publicEffect) &&
			r.send("POST", "/artifacts/", offline, nil) &&
			r.sign("dev", dev, map[string]int{"dev/c": 3}) &&
			r.send("POST", "/delegations/", adding, nil) &&
			r.send("POST", "/artifacts/", last, lastEffect) &&
			r.send("POST", "/delegations/delete", removing, map[string]int{"extra/d": -1})
	})
}

// sign adds a signature to the document that waits for a role.
func (r *crashRun) sign(role string, key *keys.Private, effect map[string]int) bool {
	doc := r.s.current().signing[role]
	require.NotNil(r, doc, role)
	sig, err := key.Sign(r.Context(), doc.Canonical())
	require.NoError(r, err)
	return r.send("POST", "/metadata/sign", rstuf.MetadataSign{
		Role: role, Signature: rstuf.Signature{KeyID: key.Public().ID(), Sig: hex.EncodeToString(sig)},
	}, effect)
}
