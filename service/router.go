package service

import (
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/metadata"
)

// router finds the roles that artifacts belong to, by their numbers.
type router struct {
	bins  *metadata.HashBins // nil with custom delegations
	roles []rstuf.DelegatedRole
}

func (r *repository) router() (*router, error) {
	if r.state.Bins > 0 {
		bins, err := metadata.NewHashBins(r.state.Bins)
		return &router{bins: &bins}, err
	}
	return &router{roles: r.delegations.Roles}, nil
}

// count is the number of roles.
func (r *router) count() int {
	if r.bins != nil {
		return r.bins.Count()
	}
	return len(r.roles)
}

func (r *router) name(role int) string {
	if r.bins != nil {
		return r.bins.Name(role)
	}
	return r.roles[role].Name
}

func (r *router) namesOf(roles []int) []string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = r.name(role)
	}
	return names
}

// add is the role that an artifact is added to, the first that covers its
// path; -1 if there is none.
func (r *router) add(path string) int {
	if r.bins != nil {
		return r.bins.Index(path)
	}
	return slices.IndexFunc(r.roles, func(role rstuf.DelegatedRole) bool { return metadata.Covers(role, path) })
}

// hidesFromTUFJS tells whether tuf-js does not find an artifact of a role, though
// the role covers its path.
func (r *router) hidesFromTUFJS(role int, path string) bool {
	return r.bins == nil && rules.HiddenFromTUFJS(r.roles[role].Paths, path)
}
