package ceremony

import (
	"fmt"
	"maps"
	"math/bits"
	"net/url"
	"slices"
	"strings"

	"example.org/rstuf/internal/rules"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// PolicyError is everything that is wrong with a policy, a change or a set of
// roles.
type PolicyError struct {
	// Problems are one line each, in the order of the fields.
	Problems []string
}

// Error is one line with all problems.
func (e *PolicyError) Error() string { return strings.Join(e.Problems, "; ") }

// problems collects what is wrong.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

func (p problems) err(what string) error {
	if len(p) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", what, &PolicyError{p})
}

// Validate finds all contradictions of the policy at once; the error holds a
// [*PolicyError].
func (p Policy) Validate() error {
	var found problems
	p.checkRoot(&found)
	p.checkOnlineKey(&found)
	p.checkPostQuantum(&found)
	p.checkTargets(&found)
	p.checkDays(&found)
	if p.Timeout < 0 {
		found.add("timeout: %d seconds, but it can't be negative", p.Timeout)
	}
	p.checkFirstGeneration(&found)
	return found.err("policy")
}

func (p Policy) checkRoot(found *problems) {
	checkRootKeys(found, p.RootKeys)
	checkThreshold(found, p.Threshold, len(p.RootKeys), p.AllowThresholdOneUnsafe)
}

// checkRootKeys wants usable keys, each with an id and a name of its own.
func checkRootKeys(found *problems, list []keys.Public) {
	if len(list) == 0 {
		found.add("root keys: there are none")
	}
	names, seen := map[string]bool{}, map[string]bool{}
	for i, key := range list {
		at := fmt.Sprintf("root key %d", i+1)
		if !checkKey(found, at, key) {
			continue
		}
		at += " (" + key.String() + ")"
		switch {
		case seen[key.Identity()]:
			found.add("%s: the same key stands there twice", at)
		case key.Name() != "" && names[key.Name()]:
			found.add("%s: another root key has the same name", at)
		}
		seen[key.Identity()], names[key.Name()] = true, true
		if key.Key().OnlineURI != "" {
			found.add("%s: it has an online key URI, but root keys are offline", at)
		}
	}
}

// checkKey wants a named key of a kind that RSTUF knows, with nothing but
// public fields.
func checkKey(found *problems, at string, key keys.Public) bool {
	if key.ID() == "" {
		found.add("%s: the key is missing", at)
		return false
	}
	if key.Name() == "" {
		found.add("%s (%s): it has no name", at, key)
	}
	k := key.Key()
	allowed := []string{"public"}
	if k.KeyType == keys.KeyTypeSigstore {
		allowed = []string{"identity", "issuer"}
	} else if !key.Verifiable() {
		found.add("%s (%s): a key of type %q and scheme %q can't be used", at, key, k.KeyType, k.Scheme)
	}
	for _, name := range slices.Sorted(maps.Keys(k.Value)) {
		if !slices.Contains(allowed, name) {
			found.add("%s (%s): keyval has the field %q, which is not part of a public key", at, key, name)
		}
	}
	return true
}

// checkThreshold wants at least two signatures, or one if that is allowed.
func checkThreshold(found *problems, threshold, count int, allowOne bool) {
	switch {
	case threshold == 0:
		found.add("threshold: it must be given, at least 2")
	case threshold < 0:
		found.add("threshold: %d is not a number of signatures", threshold)
	case threshold == 1 && !allowOne:
		found.add("threshold: 1 lets a single key decide alone; it must be at least 2 (or allow a threshold of one, which is unsafe)")
	}
	if threshold > count {
		found.add("threshold: %d signatures are wanted of %d root keys", threshold, count)
	}
}

func (p Policy) checkOnlineKey(found *problems) {
	key := p.OnlineKey
	if key.ID() == "" {
		found.add("online key: the key is missing")
		return
	}
	checkOnlineKey(found, key)
	if slices.ContainsFunc(p.RootKeys, func(k keys.Public) bool { return k.Same(key) }) {
		found.add("online key (%s): it is also a root key, and those must be offline", key)
	}
}

// checkOnlineKey wants a key that a worker can sign with.
func checkOnlineKey(found *problems, key keys.Public) {
	if key.Name() == "" {
		key = key.WithName("online") // a name is not needed here
	}
	if err := metadata.CheckOnline(key); err != nil {
		found.add("online key (%s): %v", key, err)
		return
	}
	checkKey(found, "online key", key)
	if uri := key.Key().OnlineURI; uri != "" {
		if scheme, rest, ok := strings.Cut(uri, ":"); !ok || scheme == "" || rest == "" {
			found.add("online key (%s): %q is not a key URI such as fn:<file>", key, uri)
		}
	}
}

func (p Policy) checkTargets(found *problems) {
	switch n := p.HashBins; {
	case n != 0 && len(p.Delegations) > 0:
		found.add("hash bins and delegations: only one of the two is possible")
	case n != 0 && (n < rules.MinHashBins || n > rules.MaxHashBins || bits.OnesCount(uint(n)) != 1):
		found.add("hash bins: %d is not a power of two from %d to %d", n, rules.MinHashBins, rules.MaxHashBins)
	}
	checkRoles(found, p.Delegations, p.OnlineKey)
	checkBaseURL(found, p.TargetsBaseURL)
}

// checkBaseURL wants the URL of a folder, or nothing.
func checkBaseURL(found *problems, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		found.add("targets base URL: it must be like https://example.com/path/, without user, query and fragment")
	}
}

func (p Policy) checkDays(found *problems) {
	e := p.Expirations
	for _, role := range []struct {
		name string
		days int
	}{{"root", e.Root}, {"targets", e.Targets}, {"snapshot", e.Snapshot}, {"timestamp", e.Timestamp}, {"bins", e.Bins}} {
		if role.days != 0 {
			checkDays(found, "expiration of "+role.name, role.days)
		}
	}
	if e.Bins != 0 && len(p.Delegations) > 0 {
		found.add("expiration of bins: there are no hash bins beside delegations")
	}
}

func checkDays(found *problems, at string, days int) {
	if days < 1 || days > rules.MaxExpiration {
		found.add("%s: %d days, but it must be from 1 to %d", at, days, rules.MaxExpiration)
	}
}

func (p Policy) checkFirstGeneration(found *problems) {
	if !p.FirstGeneration {
		return
	}
	if p.TargetsBaseURL == "" {
		found.add("first generation: its payload needs the targets base URL")
	}
	if len(p.Delegations) > 0 {
		found.add("first generation: it has hash bins only, no delegations")
	}
	for _, key := range p.RootKeys {
		if key.ID() != "" && key.Crypto() == nil || key.PostQuantum() {
			found.add("first generation: it does not know the key type of root key %s", key)
		}
	}
}

// checkRoles wants custom roles as the API takes them.
func checkRoles(found *problems, roles []Role, online keys.Public) {
	seen := map[string]bool{}
	named := map[string]string{}
	for i, role := range roles {
		at := fmt.Sprintf("delegation %q", role.Name)
		switch {
		case role.Name == "":
			at = fmt.Sprintf("delegation %d", i+1)
			found.add("%s: it has no name", at)
		case !rules.IsDelegatedRoleName(role.Name):
			found.add("%s: a name has letters, digits, - and _, and is not that of a top-level role", at)
		case seen[strings.ToLower(role.Name)]:
			found.add("%s: the name stands there twice", at)
		}
		seen[strings.ToLower(role.Name)] = true
		if len(role.Paths) == 0 || slices.Contains(role.Paths, "") {
			found.add("%s: it needs at least one path, and none can be empty", at)
		}
		for _, pattern := range role.Paths {
			if msg := rules.Pattern(pattern); msg != "" && pattern != "" {
				found.add("%s: pattern %q: %s", at, pattern, msg)
			}
		}
		checkDays(found, at+": expiration", role.Days)
		checkRoleKeys(found, at, role, online, named)
	}
}

// checkRoleKeys checks one role's keys and threshold; named remembers the
// names of keys across roles.
func checkRoleKeys(found *problems, at string, role Role, online keys.Public, named map[string]string) {
	seen := map[string]bool{}
	for i, key := range role.Keys {
		if !checkKey(found, fmt.Sprintf("%s: key %d", at, i+1), key) {
			continue
		}
		identity := key.Identity()
		if key.Same(online) {
			found.add("%s: key %s is the online key: leave the keys out to have it sign", at, key)
		}
		if key.Key().OnlineURI != "" {
			found.add("%s: key %s has an online key URI, but the keys of a role are offline", at, key)
		}
		if seen[identity] {
			found.add("%s: key %s stands there twice", at, key)
		}
		if name, known := named[key.ID()]; known && name != key.Name() {
			found.add("%s: key %s has the name %q in another role", at, key, name)
		}
		seen[identity], named[key.ID()] = true, key.Name()
	}
	switch count := len(role.Keys); {
	case count == 0 && role.Threshold != 0 && role.Threshold != 1:
		found.add("%s: threshold %d, but without keys the online key signs alone", at, role.Threshold)
	case count > 0 && role.Threshold < 1:
		found.add("%s: the threshold must be given, at least 1", at)
	case count > 0 && role.Threshold > count:
		found.add("%s: %d signatures are wanted of %d keys", at, role.Threshold, count)
	}
}
