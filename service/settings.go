package service

import (
	"encoding/json"
	"maps"

	"example.org/rstuf"
	"example.org/rstuf/internal/canonical"
)

// updateSettings changes the lives of roles that exist.
func (p *publication) updateSettings(body []byte) (outcome, error) {
	request, err := rstuf.Decode[rstuf.SettingsUpdate](body)
	if err != nil {
		return outcome{}, refuse("Update Settings Failed", "%v", err)
	}
	details := &rstuf.TaskDetails{UpdatedRoles: rstuf.Names{}, InvalidRoles: rstuf.Names{}}
	for _, role := range expirationOrder(body) {
		if _, ok := p.next.state.Expiration[role]; !ok {
			details.InvalidRoles = append(details.InvalidRoles, role)
			continue
		}
		p.next.state.Expiration[role] = request.Expiration[role]
		details.UpdatedRoles = append(details.UpdatedRoles, role)
	}
	return success(p.now, updateSettings, "Update Settings Succeded", details), nil
}

// expirationOrder is the order of the roles in a request that was decoded.
func expirationOrder(body []byte) (names []string) {
	p := canonical.NewParser(body)
	p.AllowFloats(true)
	at := func(name string, then func() error) func([]byte) error {
		return func(key []byte) error {
			if string(key) == name {
				return then()
			}
			_, err := p.Raw()
			return err
		}
	}
	err := p.Object(at("settings", func() error {
		return p.Object(at("expiration", func() error {
			return p.Object(func(key []byte) error {
				names = append(names, string(key))
				_, err := p.Raw()
				return err
			})
		}))
	}))
	if err != nil {
		return nil
	}
	return names
}

// settings is the answer of GET /config/.
func (r *repository) settings() (*rstuf.RepositorySettings, error) {
	root, err := r.root.Root()
	if err != nil {
		return nil, err
	}
	out := &rstuf.RepositorySettings{
		Bootstrap:             r.state.BootstrapID,
		Expiration:            maps.Clone(r.state.Expiration),
		Threshold:             map[string]int{},
		NumKeys:               map[string]int{},
		Signing:               map[string]json.RawMessage{},
		NumberOfDelegatedBins: r.state.Bins,
		Delegations:           r.state.Delegations,
		TargetsOnlineKey:      true,
		TrustedRoot:           r.root.Bytes(),
		TrustedTargets:        r.targets.Bytes(),
	}
	for role, keys := range root.Roles {
		out.Threshold[role] = keys.Threshold
		out.NumKeys[role] = len(keys.KeyIDs)
	}
	if r.state.Bins > 0 {
		out.Threshold[rstuf.RoleBins], out.NumKeys[rstuf.RoleBins] = 1, 1
	}
	for role := range r.state.Signed {
		out.Signing[role] = nil
		if doc := r.signing[role]; doc != nil {
			out.Signing[role] = doc.Bytes()
		}
	}
	id := root.Roles[rstuf.RoleTimestamp].KeyIDs[0]
	key := root.Keys[id]
	out.OnlineKey, out.OnlineKeyID = &key, id
	return out, nil
}
