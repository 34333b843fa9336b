package rstuf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/internal/shape"
)

// Validate checks the payload against the rules of the API. It does not look
// at signatures, keys and thresholds of the root: see package bootstrap.
func (p *BootstrapPayload) Validate() error { return validate(p) }

func (p *BootstrapPayload) rules() (errs []shape.Error) {
	roles := p.Settings.Roles
	at := []any{"body", "settings", "roles"}
	if (roles.Bins == nil) == (roles.Delegations == nil) {
		errs = append(errs, shape.Value("Exactly one of 'bins' and 'delegations' must be set", at...))
	}
	if roles.Bins != nil && bits.OnesCount(uint(roles.Bins.NumberOfDelegatedBins)) != 1 {
		errs = append(errs, shape.Value("the number of bins must be a power of two", "body", "settings", "roles", "bins", "number_of_delegated_bins"))
	}
	if roles.Delegations != nil {
		errs = append(errs, roles.Delegations.rules(at, "body", "settings", "roles", "delegations")...)
		errs = append(errs, roles.Delegations.keyRules("body", "settings", "roles", "delegations")...)
	}
	return append(errs, signedFieldRules(p.Metadata[RoleRoot])...)
}

// Validate checks the roles and keys against the rules of the API.
func (d *DelegationsUpdate) Validate() error { return validate(d) }

func (d *DelegationsUpdate) rules() (errs []shape.Error) {
	at := []any{"body", "delegations"}
	if len(d.Delegations.Roles) == 0 {
		errs = append(errs, shape.Value("at least one role is required", "body", "delegations", "roles"))
	}
	return append(errs, d.Delegations.rules(at, at...)...)
}

// rules checks roles; a bad name is reported at nameAt, as the API does it.
func (d *Delegations) rules(nameAt []any, at ...any) (errs []shape.Error) {
	seen := map[string]bool{}
	for i, role := range d.Roles {
		here := append(slices.Clone(at), "roles", i)
		switch {
		case !rules.DelegatedName.MatchString(role.Name):
			errs = append(errs, shape.Value(fmt.Sprintf("Delegated custom target name %s not allowed Only a-z, A-Z, 0-9, - and _ characters can be used", quote.Cut(role.Name, 128)), nameAt...))
		case !rules.IsDelegatedRoleName(role.Name):
			errs = append(errs, shape.Value(fmt.Sprintf("the name %s is taken by TUF or a file system, or too long", quote.Cut(role.Name, 40)), append(here, "name")...))
		case seen[strings.ToLower(role.Name)]:
			errs = append(errs, shape.Value(fmt.Sprintf("role %s stands here twice; upper and lower case do not tell roles apart", role.Name), append(here, "name")...))
		}
		seen[strings.ToLower(role.Name)] = true
		errs = append(errs, role.rules(here)...)
	}
	return errs
}

// keyRules checks that the key of every key id is there. Only a bootstrap
// payload has them all; later requests may name keys that the service knows.
func (d *Delegations) keyRules(at ...any) (errs []shape.Error) {
	for i, role := range d.Roles {
		for _, id := range role.KeyIDs {
			if _, known := d.Keys[id]; !known {
				errs = append(errs, shape.Value(fmt.Sprintf("key %s is not among the keys", quote.Cut(id, 16)), append(slices.Clone(at), "roles", i, "keyids")...))
			}
		}
	}
	return errs
}

// coming are fields of a delegated role that later releases of RSTUF may know and
// that change what the role means: hash bins inside of it, an online key of its
// own. Whoever asks for them must not get something else.
var coming = []string{"x-rstuf-num-bins", "x-rstuf-role-online-key"}

func (r DelegatedRole) rules(at []any) (errs []shape.Error) {
	fail := func(name, format string, args ...any) {
		errs = append(errs, shape.Value(fmt.Sprintf(format, args...), append(slices.Clone(at), name)...))
	}
	for i, pattern := range r.Paths {
		switch msg := rules.Pattern(pattern); {
		case msg != "" && pattern == "":
			errs = append(errs, shape.Value(msg, at...)) // as the API has it
		case msg != "":
			errs = append(errs, shape.Value(fmt.Sprintf("pattern %s: %s", quote.Word(quote.Cut(pattern, 80)), msg), append(slices.Clone(at), "paths", i)...))
		}
	}
	distinct := map[string]bool{}
	for _, id := range r.KeyIDs {
		distinct[id] = true
	}
	switch {
	case len(distinct) != len(r.KeyIDs):
		fail("keyids", "a key id stands here twice")
	case r.Online() && r.Threshold != 1:
		fail("threshold", "a role without keys is signed by the online key alone: its threshold must be 1")
	case !r.Online() && r.Threshold > len(distinct):
		fail("threshold", "%d signatures are wanted of %d keys", r.Threshold, len(distinct))
	}
	for _, name := range coming {
		if _, ok := r.Extra[name]; ok {
			fail(name, "this service does not know %s, which would change what the role means: leave it out", name)
		}
	}
	for _, prefix := range r.PathHashPrefixes {
		if prefix == "" || len(prefix) > 64 || !rules.IsLowerHex(prefix) {
			fail("path_hash_prefixes", "%q is not lower-case hex of 1 to 64 digits", quote.Cut(prefix, 70))
		}
	}
	return errs
}

// signedFields are the fields of "signed" that TUF names, for any role.
var signedFields = map[string]bool{
	"_type": true, "version": true, "spec_version": true, "expires": true, "keys": true,
	"consistent_snapshot": true, "roles": true, "meta": true, "targets": true, "delegations": true,
}

// signedFieldRules checks the names of the fields in a document's "signed".
func signedFieldRules(document json.RawMessage) (errs []shape.Error) {
	var w struct {
		Signed map[string]json.RawMessage `json:"signed"`
	}
	if json.Unmarshal(document, &w) != nil {
		return nil // the shape has said so
	}
	for _, name := range slices.Sorted(maps.Keys(w.Signed)) {
		if !signedFields[name] && !rules.IsVendorField(name) {
			errs = append(errs, shape.Value(fmt.Sprintf("Invalid: `%s` field name, unrecognized_field must use format x-<vendor>-<name>", quote.Cut(name, 128)), "body"))
		}
	}
	return errs
}

// Validate checks the next root's form; package metadata checks the rest.
func (m *MetadataUpdate) Validate() error { return validate(m) }

func (m *MetadataUpdate) rules() []shape.Error { return signedFieldRules(m.Metadata[RoleRoot]) }

// Validate checks that every life is at least a day.
func (s *SettingsUpdate) Validate() error { return validate(s) }

func (s *SettingsUpdate) rules() []shape.Error { return nil }

// Validate checks that no role is named root, which no online key signs.
func (b *OnlineBump) Validate() error { return validate(b) }

func (b *OnlineBump) rules() (errs []shape.Error) {
	for i, role := range b.Roles {
		if role == RoleRoot {
			errs = append(errs, shape.Value("root is not signed by the online key", "body", "roles", i))
		}
	}
	return errs
}

// Validate checks the signature's form.
func (m *MetadataSign) Validate() error { return validate(m) }

func (m *MetadataSign) rules() (errs []shape.Error) {
	if m.Signature.Sig == "" && len(m.Signature.Bundle) == 0 {
		errs = append(errs, shape.Value("either sig or bundle is required", "body", "signature"))
	}
	return errs
}

// Validate checks that a role is named.
func (m *MetadataSignDelete) Validate() error { return validate(m) }

func (m *MetadataSignDelete) rules() []shape.Error { return nil }

// Validate checks that at least one role is named.
func (d *DelegationsDelete) Validate() error { return validate(d) }

func (d *DelegationsDelete) rules() (errs []shape.Error) {
	if len(d.Roles) == 0 {
		errs = append(errs, shape.Value("at least one role is required", "body", "delegations", "roles"))
	}
	return errs
}

// Validate checks every path, length and hash. An empty list is valid.
func (a *AddArtifacts) Validate() error { return asError(a.rules()) }

func (a *AddArtifacts) rules() (errs []shape.Error) {
	for i := range a.Artifacts {
		if len(errs) >= shape.MaxErrors {
			return errs
		}
		errs = append(errs, a.Artifacts[i].rules("body", "artifacts", i)...)
	}
	return errs
}

// Validate checks the artifact's path, length, hashes and custom data.
func (a *Artifact) Validate() error { return asError(a.rules("body")) }

func (a *Artifact) rules(at ...any) (errs []shape.Error) {
	fail := func(msg string, steps ...any) {
		errs = append(errs, shape.Value(msg, append(slices.Clone(at), steps...)...))
	}
	if msg := rules.Path(a.Path); msg != "" {
		fail(msg, "path")
	}
	if msg := rules.Length(a.Info.Length); msg != "" {
		fail(msg, "info", "length")
	}
	named := len(errs)
	for _, algorithm := range slices.Sorted(maps.Keys(a.Info.Hashes)) {
		if msg := rules.Digest(algorithm, a.Info.Hashes[algorithm]); msg != "" {
			fail(msg, "info", "hashes", algorithm)
		}
	}
	if msg := rules.Hashes(a.Info.Hashes); msg != "" && len(errs) == named {
		fail(msg, "info", "hashes")
	}
	if msg := badCustom(a.Info.Custom); msg != "" {
		fail(msg, "info", "custom")
	}
	return errs
}

// badCustom says what is wrong with custom data, or nothing.
func badCustom(custom json.RawMessage) string {
	text := bytes.TrimSpace(custom)
	if len(text) == 0 || string(text) == "null" {
		return ""
	}
	form, err := canonical.Transform(text)
	switch {
	case text[0] != '{' || !json.Valid(text):
		return "custom must be a JSON object"
	case err != nil:
		return err.Error()
	}
	return rules.Custom(string(form))
}

// Validate checks that no path is empty. A path that could not be added today
// can still be removed. An empty list is valid; the task will refuse it.
func (d *DeleteArtifacts) Validate() error { return asError(d.rules()) }

func (d *DeleteArtifacts) rules() (errs []shape.Error) {
	for i, path := range d.Artifacts {
		switch {
		case len(errs) >= shape.MaxErrors:
			return errs
		case path == "":
			errs = append(errs, shape.Value("a path can't be empty", "body", "artifacts", i))
		case !utf8.ValidString(path):
			errs = append(errs, shape.Value(rules.NotUTF8, "body", "artifacts", i))
		}
	}
	return errs
}
