package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// TestKeyTypes needs a key of each type, and refuses its wrong signature.
func TestKeyTypes(t *testing.T) {
	for _, kind := range []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.ECDSAP384, keys.RSA2048} {
		t.Run(string(kind), func(t *testing.T) {
			s := newSimulator(t)
			c := s.initialized()
			key, err := keys.Generate(kind, "")
			require.NoError(t, err)
			s.addKey(root, key)
			s.threshold(root, 2)
			s.publish(root)
			require.NoError(t, c.refresh())
			assert.Contains(t, c.versions(), "root 2")

			s.publish(root)
			s.edit(root, 3, func(file map[string]any) {
				list := file["signatures"].([]any)
				i := slices.IndexFunc(list, func(s any) bool { return s.(map[string]any)["keyid"] == key.Public().ID() })
				before := list[i].(map[string]any)["sig"].(string)
				last := before[len(before)-1:]
				setSignature(file, i, before[:len(before)-1]+map[bool]string{true: "1", false: "0"}[last == "0"])
			})
			require.ErrorIs(t, c.refresh(), repository.ErrThreshold)
			assert.Contains(t, c.versions(), "root 2")
		})
	}
}

// TestUnknownKeyTypes count as keys that have not signed.
func TestUnknownKeyTypes(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	unknown := newKey(t).Public().Key()
	unknown.KeyType, unknown.Scheme = "morse", "dots"
	s.root.Keys["morse-key"] = unknown
	r := s.root.Roles[timestamp]
	r.KeyIDs = append(slices.Clone(r.KeyIDs), "morse-key")
	s.root.Roles[timestamp] = r
	s.publish(root, timestamp)
	require.NoError(t, c.refresh())
	s.threshold(timestamp, 2)
	s.publish(root, timestamp)
	require.ErrorIs(t, c.refresh(), repository.ErrThreshold)
}

func TestThresholds(t *testing.T) {
	for name, test := range map[string]struct {
		keys, threshold, signatures int
		good                        bool
	}{
		"reached":             {3, 3, 3, true},
		"more than needed":    {3, 2, 3, true},
		"one short":           {3, 3, 2, false},
		"more than the keys":  {5, 6, 5, false},
		"none of one":         {1, 1, 0, false},
		"one of many is good": {5, 1, 1, true},
	} {
		for _, role := range []string{timestamp, snapshot, targets} {
			t.Run(name+"/"+role, func(t *testing.T) {
				s := newSimulator(t)
				c := s.initialized()
				s.dropKeys(role)
				for range test.keys {
					s.addKey(role, newKey(t))
				}
				s.threshold(role, test.threshold)
				s.signers[role] = s.signers[role][:test.signatures]
				s.publish(root, targets, snapshot, timestamp)
				err := c.refresh()
				assert.Contains(t, c.versions(), "root 2")
				if test.good {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, repository.ErrThreshold)
				assert.NotContains(t, c.versions(), role+" 2")
			})
		}
	}
}

// TestOneKeySeveralTimes signs as one, whatever is written how often.
func TestOneKeySeveralTimes(t *testing.T) {
	key := newKey(t)
	for name, change := range map[string]func(s *simulator){
		"the key id twice in the role": func(s *simulator) {
			s.dropKeys(snapshot)
			s.addKey(snapshot, key)
			s.threshold(snapshot, 2)
			s.publish(root, snapshot, timestamp)
			// A root that nobody here writes: its signed part is changed, and
			// signed again.
			s.resign(root, 2, func(signed map[string]any) {
				ids := signed["roles"].(map[string]any)["snapshot"].(map[string]any)
				ids["keyids"] = append(ids["keyids"].([]any), ids["keyids"].([]any)[0])
			})
		},
		"two ids of one key": func(s *simulator) {
			s.dropKeys(snapshot)
			s.addKey(snapshot, key)
			s.threshold(snapshot, 2)
			other := key.Public().Key()
			other.Extra = map[string]json.RawMessage{"x": json.RawMessage(`1`)}
			s.root.Keys["other"] = other
			r := s.root.Roles[snapshot]
			r.KeyIDs = append(r.KeyIDs, "other")
			s.root.Roles[snapshot] = r
			s.publish(root)
			s.signers[snapshot] = nil
			s.publish(snapshot, timestamp)
			doc, err := metadata.Parse(s.files["2.snapshot.json"])
			require.NoError(s.t, err)
			require.NoError(s.t, doc.SignAs(s.t.Context(), key, key.Public().ID(), "other"))
			s.serve(snapshot, 2, doc.Bytes())
		},
		"two signatures by one id": func(s *simulator) {
			s.addKey(snapshot, newKey(s.t))
			s.threshold(snapshot, 2)
			s.signers[snapshot] = s.signers[snapshot][:1]
			s.publish(root, snapshot, timestamp)
			s.edit(snapshot, 2, func(file map[string]any) {
				file["signatures"] = append(file["signatures"].([]any), file["signatures"].([]any)[0])
			})
		},
		// Section 4.2.1: key ids are unique there, whether the threshold is
		// reached or not.
		"two signatures by one id beside enough": func(s *simulator) {
			s.publish(root, snapshot, timestamp)
			s.edit(snapshot, 2, func(file map[string]any) {
				file["signatures"] = append(file["signatures"].([]any), file["signatures"].([]any)[0])
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulator(t)
			c := s.initialized()
			change(s)
			require.Error(t, c.refresh())
			assert.NotContains(t, strings.Join(c.versions(), " "), "snapshot")
		})
	}
}

// TestWrongSignaturesBesideRightOnes do no harm.
func TestWrongSignaturesBesideRightOnes(t *testing.T) {
	for _, wrong := range []string{"", "00", "not hex", sum(nil) + sum(nil)} {
		s := newSimulator(t)
		c := s.initialized()
		s.addKey(timestamp, newKey(t))
		s.publish(root, timestamp)
		s.edit(timestamp, 2, func(file map[string]any) { setSignature(file, 0, wrong) })
		require.NoError(t, c.refresh(), "%q", wrong)
		assert.Contains(t, c.versions(), "timestamp 2")
	}
}

// TestKeyIDHashAlgorithms are no part of the specification any more.
func TestKeyIDHashAlgorithms(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	s.dropKeys(snapshot)
	key := newKey(t)
	s.addKey(snapshot, key)
	public := key.Public().Key()
	public.Extra = map[string]json.RawMessage{"keyid_hash_algorithms": json.RawMessage(`["md5"]`)}
	s.root.Keys[key.Public().ID()] = public
	s.publish(root, snapshot, timestamp)
	require.NoError(t, c.refresh())
	assert.Equal(t, []string{"root 2", "snapshot 2", "targets 1", "timestamp 2"}, c.versions())
}

// TestForeignSigner has the key of one role sign another.
func TestForeignSigner(t *testing.T) {
	for _, role := range []string{timestamp, snapshot, targets} {
		for _, by := range []string{root, timestamp, snapshot, targets} {
			if by == role {
				continue
			}
			s := newSimulator(t)
			c := s.initialized()
			s.signers[role] = s.signers[by]
			s.publish(targets, snapshot, timestamp)
			require.ErrorIs(t, c.refresh(), repository.ErrThreshold, "%s signed by %s", role, by)
			assert.NotContains(t, c.versions(), role+" 2")
		}
	}
}
