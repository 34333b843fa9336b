package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
)

// step is a version of a role: the keys that may sign, how many of them must,
// and those that do, by number.
type step struct {
	keys      []int
	threshold int
	signers   []int
}

// TestRootRotation follows chains of roots, of which the last may be one that
// must not be followed.
func TestRootRotation(t *testing.T) {
	all := []int{0, 1, 2, 3, 4}
	for name, test := range map[string]struct {
		steps []step
		bad   bool
	}{
		"one key for another":   {steps: []step{{[]int{1}, 1, []int{1}}, {[]int{2}, 1, []int{2, 1}}, {[]int{2}, 1, []int{2}}}},
		"signatures of no use":  {steps: []step{{[]int{1}, 1, []int{3, 1, 4}}, {[]int{2}, 1, []int{3, 2, 1, 4}}, {[]int{2}, 1, []int{3, 2, 4}}}},
		"any three of five":     {steps: []step{{all, 3, []int{0, 2, 4}}, {all, 3, []int{0, 4, 1}}, {all, 3, []int{0, 1, 3}}, {all, 3, []int{0, 1, 3}}}},
		"one of five":           {steps: []step{{all, 3, []int{0, 2, 4}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 4, 1}}}},
		"one of five, by both":  {steps: []step{{all, 3, []int{0, 2, 4}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 2, 4, 5}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 4, 5}}}},
		"all five":              {steps: []step{{all, 3, []int{0, 2, 4}}, {[]int{5, 6, 7, 8, 9}, 3, []int{0, 2, 4, 5, 6, 7}}, {[]int{5, 6, 7, 8, 9}, 3, []int{5, 6, 7}}}},
		"threshold up":          {steps: []step{{[]int{1, 2, 3}, 1, []int{1}}, {[]int{1, 2, 3}, 2, []int{1, 2}}}},
		"threshold down":        {steps: []step{{[]int{1, 2, 3}, 2, []int{1, 2}}, {[]int{1, 2, 3}, 1, []int{1, 2}}, {[]int{1, 2, 3}, 1, []int{1}}}},
		"a key more, both sign": {steps: []step{{[]int{1}, 1, []int{1}}, {[]int{1, 2}, 2, []int{1, 2}}}},

		"not signed by the old key":      {bad: true, steps: []step{{[]int{1}, 1, []int{1}}, {[]int{2}, 1, []int{2, 3, 4}}}},
		"not signed by the new key":      {bad: true, steps: []step{{[]int{1}, 1, []int{1}}, {[]int{2}, 1, []int{1, 3, 4}}}},
		"too few of the new keys":        {bad: true, steps: []step{{all, 3, []int{0, 2, 4}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 2, 4}}}},
		"too few of the old keys":        {bad: true, steps: []step{{all, 3, []int{0, 2, 4}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 4, 5}}}},
		"the new threshold not reached":  {bad: true, steps: []step{{[]int{1, 2, 3}, 1, []int{1}}, {[]int{1, 2, 3}, 2, []int{2}}}},
		"the old threshold not reached":  {bad: true, steps: []step{{[]int{1, 2, 3}, 2, []int{1, 2}}, {[]int{1, 2, 3}, 1, []int{1}}}},
		"a bad one after two good roots": {bad: true, steps: []step{{[]int{1}, 1, []int{1}}, {[]int{2}, 1, []int{2, 1}}, {[]int{3}, 1, []int{3}}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulator(t)
			list := newKeys(t, 10)
			s.published[root] = nil
			for _, step := range test.steps {
				s.set(root, step, list)
				s.publish(root)
			}
			c := s.initialized()
			want := s.published[root][len(test.steps)-1]
			if test.bad {
				require.Error(t, c.refresh())
				want = s.published[root][len(test.steps)-2]
			} else {
				require.NoError(t, c.refresh())
			}
			assert.Equal(t, string(want), string(c.read("root.json")))
		})
	}
}

func (s *simulator) set(role string, step step, list []*keys.Private) {
	s.dropKeys(role)
	s.threshold(role, step.threshold)
	for _, i := range step.keys {
		s.trust(role, list[i])
	}
	for _, i := range step.signers {
		s.signers[role] = append(s.signers[role], list[i])
	}
}

// TestRotation of the other roles, one after the other.
func TestRotation(t *testing.T) {
	all, some := []int{0, 1, 2, 3, 4}, []int{0, 1, 3, 4, 5}
	for name, test := range map[string]struct {
		step
		bad bool
	}{
		"another key":            {step: step{[]int{2}, 1, []int{2}}},
		"signatures of no use":   {step: step{[]int{1}, 1, []int{3, 1, 4}}},
		"three of five":          {step: step{all, 3, []int{0, 2, 4}}},
		"three in another order": {step: step{all, 3, []int{0, 4, 1}}},
		"three others":           {step: step{all, 3, []int{2, 3, 4}}},

		"not by the new key":       {bad: true, step: step{[]int{2}, 1, []int{1, 3, 4}}},
		"one of three is no key":   {bad: true, step: step{some, 3, []int{0, 2, 4}}},
		"two where three are due":  {bad: true, step: step{some, 3, []int{0, 4}}},
		"four, of which two count": {bad: true, step: step{some, 3, []int{0, 4, 6, 7}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulator(t)
			c := s.initialized()
			list := newKeys(t, 10)
			for _, role := range []string{timestamp, snapshot, targets} {
				s.set(role, test.step, list)
				s.publish(root, targets, snapshot, timestamp)
				if test.bad {
					require.Error(t, c.refresh())
					return
				}
				require.NoError(t, c.refresh())
				versions := s.published[role]
				assert.Equal(t, string(versions[len(versions)-1]), string(c.read(role+".json")))
			}
		})
	}
}

// TestManyRoots follows 256 new roots at once, and no more.
func TestManyRoots(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	for range 257 {
		s.publish(root)
	}
	require.Error(t, c.refresh())
	assert.True(t, strings.HasPrefix(c.versions()[0], "root 257"), c.versions())
	require.NoError(t, c.refresh(), "the next one goes on from there")
	assert.Contains(t, c.versions(), "root 258")
}
