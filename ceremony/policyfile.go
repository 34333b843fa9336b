package ceremony

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/rstuf"
	"example.org/rstuf/internal/files"
	"example.org/rstuf/keys"
)

// maxPolicySize is far above any policy that people write.
const maxPolicySize = 1 << 20

// policyFile is a policy as people write it. Numbers are pointers where zero
// must not pass for absent.
type policyFile struct {
	RootKeys                []keyEntry         `yaml:"root_keys" json:"root_keys,omitzero"`
	Threshold               *number            `yaml:"threshold" json:"threshold,omitzero"`
	OnlineKey               keyEntry           `yaml:"online_key" json:"online_key,omitzero"`
	HashBins                *number            `yaml:"hash_bins" json:"hash_bins,omitzero"`
	Delegations             []roleEntry        `yaml:"delegations" json:"delegations,omitzero"`
	Expirations             map[string]*number `yaml:"expirations" json:"expirations,omitzero"`
	TargetsBaseURL          string             `yaml:"targets_base_url" json:"targets_base_url,omitzero"`
	Timeout                 *number            `yaml:"timeout" json:"timeout,omitzero"`
	FirstGeneration         bool               `yaml:"first_generation" json:"first_generation,omitzero"`
	PostQuantum             *number            `yaml:"post_quantum" json:"post_quantum,omitzero"`
	AllowMLDSA              bool               `yaml:"allow_ml_dsa" json:"allow_ml_dsa,omitzero"`
	AllowThresholdOneUnsafe bool               `yaml:"allow_threshold_one_unsafe" json:"allow_threshold_one_unsafe,omitzero"`
}

type roleEntry struct {
	Name           string     `yaml:"name" json:"name,omitzero"`
	Paths          []string   `yaml:"paths" json:"paths,omitzero"`
	Keys           []keyEntry `yaml:"keys" json:"keys,omitzero"`
	Threshold      number     `yaml:"threshold" json:"threshold,omitzero"`
	Expiration     number     `yaml:"expiration" json:"expiration,omitzero"`
	NotTerminating bool       `yaml:"not_terminating" json:"not_terminating,omitzero"`
}

// number is a whole number: YAML would take 2.7 for 2.
type number int

// UnmarshalYAML reads the number.
func (n *number) UnmarshalYAML(node *yaml.Node) error {
	if node.ShortTag() != "!!int" {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is not a whole number", node.Line, node.Value)}}
	}
	return node.Decode((*int)(n))
}

// keyEntry is a public key: exactly one of File, Public and Sigstore.
type keyEntry struct {
	Name string `yaml:"name" json:"name,omitzero"`
	// File is a public key file, relative to the policy's folder.
	File string `yaml:"file" json:"file,omitzero"`
	// Public is PEM, a JSON key object, or the 64 hex digits of an Ed25519
	// key.
	Public   string         `yaml:"public" json:"public,omitzero"`
	Sigstore *sigstoreEntry `yaml:"sigstore" json:"sigstore,omitzero"`
	// ID, where given, is the key id that the key must have.
	ID string `yaml:"id" json:"id,omitzero"`
	// URI is for the online key.
	URI string `yaml:"uri" json:"uri,omitzero"`
}

type sigstoreEntry struct {
	Identity string `yaml:"identity" json:"identity"`
	Issuer   string `yaml:"issuer" json:"issuer"`
}

// LoadPolicy reads a policy and the public key files that it names, which are
// looked for in the folder of the policy. See [ParsePolicy].
func LoadPolicy(path string) (Policy, error) {
	file, err := os.Open(path)
	if err != nil {
		return Policy{}, fmt.Errorf("load policy: %w", err)
	}
	defer file.Close()
	policy, err := readPolicy(file, filepath.Dir(path))
	if err != nil {
		return Policy{}, fmt.Errorf("load policy %s: %w", path, err)
	}
	return policy, nil
}

// LoadPartialPolicy is [LoadPolicy] for a policy that leaves questions open
// for somebody to answer: what stands in it must be readable, and whether that
// makes a policy is for [Policy.Validate] to say afterwards.
func LoadPartialPolicy(path string) (Policy, error) {
	file, err := os.Open(path)
	if err != nil {
		return Policy{}, fmt.Errorf("load policy: %w", err)
	}
	defer file.Close()
	var found problems
	policy, err := decodePolicyFile(file, filepath.Dir(path), &found)
	if err == nil {
		err = found.err("policy")
	}
	if err != nil {
		return Policy{}, fmt.Errorf("load policy %s: %w", path, err)
	}
	return policy, nil
}

// ParsePolicy reads a policy in YAML or JSON:
//
//	root_keys:
//	  - {name: alice, file: alice.pub}
//	  - {name: bob, public: 7f3d…, id: 8e42…}
//	  - {name: carol, sigstore: {identity: carol@example.com, issuer: "https://accounts.example.com"}}
//	threshold: 2
//	online_key: {name: online, file: online.pub, uri: "fn:online"}
//	hash_bins: 256            # or delegations, not both
//	delegations:
//	  - name: dev
//	    paths: ["dev/*"]
//	    keys: [{name: dan, file: dan.pub}]
//	    threshold: 1
//	    expiration: 30
//	    not_terminating: false
//	expirations: {root: 365, targets: 365, snapshot: 1, timestamp: 1, bins: 1}
//	targets_base_url: https://example.com/artifacts/
//	timeout: 300
//	first_generation: false
//	post_quantum: 1           # of any threshold of root signatures, with ML-DSA keys
//	allow_ml_dsa: false       # the same keys without such a rule
//	allow_threshold_one_unsafe: false
//
// What is left out has the defaults of [Policy]. Unknown and repeated fields,
// and everything that [Policy.Validate] refuses, are errors. Key files are
// looked for in dir.
func ParsePolicy(data []byte, dir string) (Policy, error) {
	policy, err := readPolicy(bytes.NewReader(data), dir)
	if err != nil {
		return Policy{}, fmt.Errorf("parse policy: %w", err)
	}
	return policy, nil
}

// decodePolicyFile reads what stands in a policy; found is what is wrong there.
func decodePolicyFile(r io.Reader, dir string, found *problems) (Policy, error) {
	data, err := files.ReadAll(r, maxPolicySize)
	if err != nil {
		return Policy{}, err
	}
	var file policyFile
	if err := decodePolicy(data, &file); err != nil {
		return Policy{}, err
	}
	return file.policy(found, dir), nil
}

func readPolicy(r io.Reader, dir string) (Policy, error) {
	var found problems
	policy, err := decodePolicyFile(r, dir, &found)
	if err != nil {
		return Policy{}, err
	}
	var invalid *PolicyError
	if errors.As(policy.Validate(), &invalid) {
		found.addOthers(invalid.Problems)
	}
	return policy, found.err("policy")
}

// addOthers adds problems with other fields than those that have one already:
// a key that could not be read is not also missing.
func (p *problems) addOthers(list []string) {
	read := slices.Clone(*p)
	for _, problem := range list {
		field, _, _ := strings.Cut(problem, ": ")
		if !slices.ContainsFunc(read, func(other string) bool { return strings.HasPrefix(other, field+": ") }) {
			*p = append(*p, problem)
		}
	}
}

// decodePolicy reads JSON if that is what it looks like, else YAML.
func decodePolicy(data []byte, file *policyFile) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return files.Decode(data, file)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(file); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("the file is empty")
		}
		return oneLine(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("something follows the policy")
	}
	return nil
}

// oneLine joins the lines of a YAML error.
func oneLine(err error) error {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return err
	}
	var found problems
	names := strings.NewReplacer("ceremony.policyFile", "policy", "ceremony.roleEntry", "delegation",
		"ceremony.keyEntry", "key", "ceremony.sigstoreEntry", "sigstore")
	for _, text := range types.Errors {
		found.add("%s", names.Replace(text))
	}
	return found.err("yaml")
}

// policy is the policy that the file describes; problems are those that the
// policy itself does not show any more.
func (f *policyFile) policy(found *problems, dir string) Policy {
	p := Policy{
		TargetsBaseURL:          f.TargetsBaseURL,
		FirstGeneration:         f.FirstGeneration,
		AllowMLDSA:              f.AllowMLDSA,
		AllowThresholdOneUnsafe: f.AllowThresholdOneUnsafe,
		OnlineKey:               f.OnlineKey.load(found, "online key", dir),
	}
	for i, entry := range f.RootKeys {
		p.RootKeys = append(p.RootKeys, entry.load(found, fmt.Sprintf("root key %d", i+1), dir))
	}
	given := func(at string, n *number) int {
		switch {
		case n == nil:
			return 0
		case *n == 0:
			found.add("%s: 0 is not possible; leave it out for the default", at)
		}
		return int(*n)
	}
	p.Threshold = given("threshold", f.Threshold)
	p.PostQuantum = given("post-quantum", f.PostQuantum)
	p.HashBins = given("hash bins", f.HashBins)
	p.Timeout = given("timeout", f.Timeout)
	into := p.Expirations.byRole()
	for _, role := range sortedNames(f.Expirations, nil) {
		if into[role] == nil {
			found.add("expirations: there is no role %q", role)
			continue
		}
		*into[role] = given("expiration of "+role, f.Expirations[role])
	}
	for _, entry := range f.Delegations {
		role := Role{
			Name: entry.Name, Paths: entry.Paths, Threshold: int(entry.Threshold),
			Days: int(entry.Expiration), NotTerminating: entry.NotTerminating,
		}
		for i, key := range entry.Keys {
			role.Keys = append(role.Keys, key.load(found, fmt.Sprintf("delegation %q: key %d", entry.Name, i+1), dir))
		}
		p.Delegations = append(p.Delegations, role)
	}
	return p
}

// load reads the key; what is wrong is among the problems, and the key empty.
func (e keyEntry) load(found *problems, at, dir string) keys.Public {
	if e == (keyEntry{}) {
		return keys.Public{} // Validate says so
	}
	key, err := e.read(dir)
	if err == nil && e.ID != "" && e.ID != key.ID() {
		err = fmt.Errorf("its id is %s, not %s", key.ID(), e.ID)
	}
	if err != nil {
		found.add("%s: %v", at, err)
		return keys.Public{}
	}
	if e.Name != "" {
		key = key.WithName(e.Name)
	}
	if e.URI != "" {
		key = key.WithOnlineURI(e.URI)
	}
	return key
}

func (e keyEntry) read(dir string) (keys.Public, error) {
	given := 0
	for _, is := range []bool{e.File != "", e.Public != "", e.Sigstore != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return keys.Public{}, errors.New("exactly one of file, public and sigstore must be given")
	case e.File != "":
		path := e.File
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		return keys.LoadPublic(path)
	case e.Sigstore != nil:
		return keys.FromKey(rstuf.Key{
			KeyType: keys.KeyTypeSigstore, Scheme: keys.SchemeFulcio,
			Value: map[string]string{"identity": e.Sigstore.Identity, "issuer": e.Sigstore.Issuer},
		})
	case len(e.Public) == 64:
		return keys.FromKey(rstuf.Key{
			KeyType: keys.KeyTypeEd25519, Scheme: keys.SchemeEd25519,
			Value: map[string]string{"public": e.Public},
		})
	}
	return keys.ParsePublic([]byte(e.Public))
}
