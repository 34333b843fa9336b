package metadata

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/keys"
)

// ErrUnsigned: a root has no signature, and a service wants at least one.
var ErrUnsigned = errors.New("the root has no signature")

// CheckFirstRoot tells whether a service starts a repository with this root:
// [CheckRoot], at least one signature ([ErrUnsigned]) and none that is wrong
// ([Document.CheckSignatures]). It returns who has signed; missing signatures are
// not an error, since they can follow.
func CheckFirstRoot(doc *Document, now time.Time) (Verification, error) {
	by, err := RootSigners(doc)
	if err != nil {
		return Verification{}, err
	}
	signed := by[0].Verify(doc)
	if err := CheckRoot(doc, now); err != nil {
		return signed, err
	}
	if len(doc.Signatures()) == 0 {
		return signed, fmt.Errorf("%w: the service wants at least one, and %d in the end", ErrUnsigned, signed.Threshold)
	}
	return signed, doc.CheckSignatures(by...)
}

// CheckRoot checks a root against the rules of RSTUF: it has not expired, has
// consistent snapshots, thresholds that its keys can reach, key ids that fit
// the keys, one online key for timestamp, snapshot and targets which is not a
// root key, and no unknown fields but those named x-<vendor>-<name>. The one
// error lists all rules that are broken. It does not look at signatures.
func CheckRoot(doc *Document, now time.Time) error {
	root, err := doc.Root()
	if err != nil {
		return err
	}
	return broken(doc.version, append(root.problems(), doc.checkDate(), doc.expired(now)))
}

// checkDate wants the form of a date that all clients read.
func (d *Document) checkDate() error {
	if d.oddExpires == "" {
		return nil
	}
	return atField("expires", fmt.Errorf("%q is not of the form %s, the only one that python-tuf reads", quote.Cut(d.oddExpires, maxShown), timeLayout))
}

// mostListed is how many things of one kind an error lists: a document of a
// stranger may have any number.
const mostListed = 50

// broken joins the problems of a root into one line.
func broken(version int64, problems []error) error {
	problems = slices.DeleteFunc(problems, func(err error) bool { return err == nil })
	if len(problems) == 0 {
		return nil
	}
	if more := len(problems) - mostListed; more > 0 {
		problems = append(problems[:mostListed], fmt.Errorf("and %d more", more))
	}
	return fmt.Errorf("root version %d: %w", version, problemList(problems))
}

// problemList is several errors in one line.
type problemList []error

func (l problemList) Error() string {
	texts := make([]string, len(l))
	for i, err := range l {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (l problemList) Unwrap() []error { return l }

// problems are the rules that a root breaks at any time.
func (root *Root) problems() (problems []error) {
	if !root.ConsistentSnapshot {
		problems = append(problems, atField("consistent_snapshot", errors.New("must be true")))
	}
	for _, id := range slices.Sorted(maps.Keys(root.Keys)) {
		if err := checkKeyID(id, root.Keys[id]); err != nil {
			problems = append(problems, atField("keys", err))
		}
	}
	for _, role := range topLevelRoles {
		if err := root.checkThreshold(role); err != nil {
			problems = append(problems, err)
		}
	}
	if _, err := OnlineKey(root); err != nil {
		problems = append(problems, err)
	}
	for _, name := range slices.Sorted(maps.Keys(root.Extra)) {
		if !rules.IsVendorField(name) {
			problems = append(problems, atField(name, errors.New("the field is not known: fields of your own are named x-<vendor>-<name>")))
		}
	}
	return problems
}

// checkKeyID compares a key's id with those that follow from the key.
func checkKeyID(id string, object rstuf.Key) error {
	key, err := keys.FromKey(object)
	if err != nil {
		return atField(id, err)
	}
	if !key.HasID(id) {
		return atField(id, fmt.Errorf("the id does not fit the key %s", key))
	}
	return nil
}

// checkThreshold tells whether the role's keys can reach its threshold.
func (root *Root) checkThreshold(role string) error {
	r := root.Roles[role]
	if distinct := root.parsed.delegation(role, root.Keys, r.KeyIDs, r.Threshold).DistinctKeys(); distinct < r.Threshold {
		return atField("roles."+role, fmt.Errorf("the threshold is %d, usable keys: %d", r.Threshold, distinct))
	}
	for _, id := range r.KeyIDs {
		if _, ok := root.Keys[id]; !ok {
			return atField("roles."+role, fmt.Errorf("there is no key with the id %q", id))
		}
	}
	return nil
}

var errNoRoot = errors.New("there is no root: it is nil")

var onlineRoles = [...]string{rstuf.RoleTimestamp, rstuf.RoleSnapshot, rstuf.RoleTargets}

// CheckOnline tells whether a key is of a kind that can be the online key: one
// that signs without a person, and whose signature in each hash bin does not make
// the repository many times larger.
func CheckOnline(key keys.Public) error {
	switch {
	case key.IsSigstore():
		return errors.New("a Sigstore key needs a person and can't be online")
	case key.PostQuantum():
		return errors.New("an ML-DSA key can't be online: its signature in each of the online roles makes them many times larger, and deployed workers can't sign with it")
	case key.Crypto() == nil:
		return fmt.Errorf("a key of type %s cannot sign online", quote.Cut(key.Key().KeyType, maxShown))
	}
	return nil
}

// OnlineKey returns the one key that signs timestamp, snapshot and targets.
// The error says in what a root differs from that.
func OnlineKey(root *Root) (keys.Public, error) {
	if root == nil {
		return keys.Public{}, errNoRoot
	}
	id := ""
	for _, name := range onlineRoles {
		role := root.Roles[name]
		if len(role.KeyIDs) != 1 || role.Threshold != 1 {
			return keys.Public{}, atField("roles."+name, fmt.Errorf("must have one key, the online key, and threshold 1, not %d keys and threshold %d", len(role.KeyIDs), role.Threshold))
		}
		if id != "" && id != role.KeyIDs[0] {
			return keys.Public{}, atField("roles."+name, errors.New("timestamp, snapshot and targets must have the same online key"))
		}
		id = role.KeyIDs[0]
	}
	object, ok := root.Keys[id]
	if !ok {
		return keys.Public{}, atField("keys", fmt.Errorf("the online key %q is missing", id))
	}
	online, err := keys.FromKey(object)
	if err != nil {
		return keys.Public{}, atField("keys", fmt.Errorf("the online key: %w", err))
	}
	if err := CheckOnline(online); err != nil {
		return keys.Public{}, atField("keys", fmt.Errorf("the online key %s: %w", online, err))
	}
	for _, rootID := range root.Roles[rstuf.RoleRoot].KeyIDs {
		other, err := keys.FromKey(root.Keys[rootID])
		if rootID == id || err == nil && online.Same(other) {
			return keys.Public{}, atField("roles.root", fmt.Errorf("the online key %s must not be a root key", online))
		}
	}
	return online, nil
}
