package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/repository"
)

func anyPath(name string) rstuf.DelegatedRole {
	return rstuf.DelegatedRole{Name: name, Paths: []string{"*"}}
}

// graph makes delegations, written "targets>A", "A>B!" where B is terminating,
// or "A>B:*.py" with patterns, and publishes all.
func (s *simulator) graph(delegations ...string) {
	s.t.Helper()
	changed := map[string]bool{targets: true}
	for _, text := range delegations {
		text, patterns, ok := strings.Cut(text, ":")
		if !ok {
			patterns = "*"
		}
		by, name, _ := strings.Cut(text, ">")
		name, terminating := strings.CutSuffix(name, "!")
		s.delegate(by, rstuf.DelegatedRole{Name: name, Terminating: terminating, Paths: strings.Split(patterns, ",")})
		changed[by], changed[name] = true, true
	}
	for role := range changed {
		s.publish(role)
	}
	s.publish(snapshot, timestamp)
}

// searched are the delegated roles that were asked for.
func (s *simulator) searched() string {
	asked := s.requests()
	require.GreaterOrEqual(s.t, len(asked), 4)
	for i, name := range asked {
		asked[i] = strings.TrimSuffix(strings.TrimPrefix(name, "1."), ".json")
	}
	return strings.Join(asked[4:], " ")
}

// TestSearchOrder is pre-order, depth first (section 5.6.7).
func TestSearchOrder(t *testing.T) {
	for name, test := range map[string]struct{ graph, order string }{
		"one":                   {"targets>A", "A"},
		"two":                   {"targets>A targets>B", "A B"},
		"two levels":            {"targets>A targets>B B>C", "A B C"},
		"depth first":           {"targets>A targets>B A>C A>D", "A C D B"},
		"three levels":          {"targets>A targets>B A>C C>D", "A C D B"},
		"terminating":           {"targets>A targets>B A>C! A>D", "A C"},
		"below terminating":     {"targets>A targets>B A>C! C>D", "A C D"},
		"patterns":              {"targets>A:*.py targets>B A>C", "B"},
		"patterns below":        {"targets>A targets>B A>C:*.py C>D", "A B"},
		"a cycle":               {"targets>A targets>B B>C C>D D>B", "A B C D"},
		"two ways":              {"targets>A targets>B B>C A>C", "A C B"},
		"two ways, one matches": {"targets>A targets>B B>C A>C:*.py", "A B C"},
		"itself":                {"targets>A A>A A>B", "A B"},
		"terminating elsewhere": {"targets>A!:*.py targets>B", "B"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulator(t)
			c := s.initialized()
			s.graph(strings.Fields(test.graph)...)
			require.ErrorIs(t, c.download("missing"), repository.ErrNotFound)
			assert.Equal(t, test.order, s.searched())
		})
	}
}

func TestSearchFinds(t *testing.T) {
	for path, test := range map[string]struct {
		found bool
		order string
	}{
		"file":                {true, ""},
		"README.md":           {true, "A"},
		"releases/x/x_v1":     {true, "B C"},
		"releases/y/y_v1.zip": {true, "B D"},
		"releases/z/z_v1.zip": {false, "B"},
		"README.txt":          {false, ""},
	} {
		t.Run(path, func(t *testing.T) {
			s := newSimulator(t)
			c := s.initialized()
			s.delegate(targets, rstuf.DelegatedRole{Name: "A", Paths: []string{"*.doc", "*.md"}})
			s.addArtifact(targets, "file", []byte("file"))
			s.addArtifact("A", "README.md", []byte("README.md"))
			s.addArtifact("A", "README.txt", []byte("README.txt"))
			s.delegate(targets, rstuf.DelegatedRole{Name: "B", Paths: []string{"releases/*/*"}})
			s.delegate("B", rstuf.DelegatedRole{Name: "C", Paths: []string{"releases/x/*"}})
			s.delegate("B", rstuf.DelegatedRole{Name: "D", Paths: []string{"releases/y/*.zip"}})
			s.addArtifact("C", "releases/x/x_v1", []byte("releases/x/x_v1"))
			s.addArtifact("D", "releases/y/y_v1.zip", []byte("releases/y/y_v1.zip"))
			s.addArtifact("D", "releases/z/z_v1.zip", []byte("releases/z/z_v1.zip"))
			s.publish("A", "B", "C", "D", targets, snapshot, timestamp)
			err := c.download(path)
			assert.Equal(t, test.order, s.searched())
			if !test.found {
				require.ErrorIs(t, err, repository.ErrNotFound)
				assert.Empty(t, c.artifacts())
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []string{path}, c.artifacts())
		})
	}
}

// TestSearchEnds after 32 delegated roles.
func TestSearchEnds(t *testing.T) {
	for n, limit := range map[int]bool{32: false, 33: true} {
		s := newSimulator(t)
		c := s.initialized()
		by := targets
		var chain []string
		for i := range n {
			next := fmt.Sprintf("r%d", i)
			chain = append(chain, by+">"+next)
			by = next
		}
		s.graph(chain...)
		require.ErrorIs(t, c.download("missing"), map[bool]error{true: repository.ErrLimit, false: repository.ErrNotFound}[limit])
	}
}

// TestRoleNames are quoted in URLs, and stay in the folder of the metadata.
func TestRoleNames(t *testing.T) {
	for _, role := range []string{
		"?", "#", "%", "%2F", "a b", "a+b", "ü", "a&b=c", "a:b", "a;b", "/delegatedrole", "../delegatedrole", "a/../../b", `..\x`, ".", "..", "a//b", "~", "'\"`$(x)",
	} {
		t.Run(role, func(t *testing.T) {
			s := newSimulator(t)
			c := s.initialized()
			s.delegate(targets, anyPath(role))
			s.publish(role, targets, snapshot, timestamp)
			require.ErrorIs(t, c.download("missing"), repository.ErrNotFound)
			assert.Equal(t, strings.ReplaceAll(url.QueryEscape(role), "+", "%20"), s.searched())
			assert.Len(t, c.versions(), 5)
		})
	}
}

// TestRoleThatIsNotListed waits for its first signatures.
func TestRoleThatIsNotListed(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	s.delegate(targets, anyPath("A"))
	s.publish(targets, snapshot, timestamp)
	require.NoError(t, c.refresh())
	require.ErrorIs(t, c.download("missing"), repository.ErrNotSigned)
}
