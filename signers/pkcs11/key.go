package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/miekg/pkcs11"

	"example.org/rstuf/keys"
)

// What PKCS#11 3.0 has and the binding lacks.
const (
	ckkECEdwards           = 0x40
	ckmECEdwardsKeyPairGen = 0x1055
	ckmEdDSA               = 0x1057
	maxKeys                = 1000
	edwards25519           = "edwards25519"
)

var (
	oidP256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	oidP384 = asn1.ObjectIdentifier{1, 3, 132, 0, 34}

	errNoKey = errors.New("there is no such key pair")
)

// pair is a key pair of a token.
type pair struct {
	label  string
	id     []byte
	public keys.Public
	err    error // why it is of no use here
}

// find gives the one pair of the label.
func (t *token) find(label string) (pair, error) {
	list, err := t.pairs(label)
	switch {
	case err != nil:
	case len(list) == 0:
		err = errNoKey
	case len(list) > 1:
		err = fmt.Errorf("there are %d such key pairs, want one", len(list))
	case list[0].err != nil:
		err = list[0].err
	}
	if err != nil {
		return pair{}, fmt.Errorf("key %q in token %q: %w", label, t.label, err)
	}
	return list[0], nil
}

// pairs reads the public keys, of one label or all.
func (t *token) pairs(label string) ([]pair, error) {
	want := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY)}
	if label != "" {
		want = append(want, pkcs11.NewAttribute(pkcs11.CKA_LABEL, label))
	}
	objects, err := t.objects(want)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	var list []pair
	for _, object := range objects {
		p := pair{}
		if attributes, err := t.attributes(object, pkcs11.CKA_LABEL, pkcs11.CKA_ID); err == nil {
			p.label, p.id = string(attributes[0]), attributes[1]
		}
		var pub crypto.PublicKey
		if pub, p.err = t.public(object); p.err == nil {
			p.public, p.err = keys.FromCrypto(pub, "")
		}
		list = append(list, p)
	}
	return list, nil
}

func (t *token) objects(want []*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	if err := t.FindObjectsInit(t.session, want); err != nil {
		return nil, err
	}
	objects, _, err := t.FindObjects(t.session, maxKeys)
	return objects, errors.Join(err, t.FindObjectsFinal(t.session))
}

// attributes reads values of an object, in their order.
func (t *token) attributes(object pkcs11.ObjectHandle, types ...uint) ([][]byte, error) {
	var want []*pkcs11.Attribute
	for _, typ := range types {
		want = append(want, pkcs11.NewAttribute(typ, nil))
	}
	got, err := t.GetAttributeValue(t.session, object, want)
	if err != nil {
		return nil, err
	}
	if len(got) != len(types) {
		return nil, errors.New("the library leaves attributes out")
	}
	values := make([][]byte, len(got))
	for i := range got {
		values[i] = got[i].Value
	}
	return values, nil
}

// public reads a public key.
func (t *token) public(object pkcs11.ObjectHandle) (crypto.PublicKey, error) {
	if rsaKey, err := t.attributes(object, pkcs11.CKA_MODULUS, pkcs11.CKA_PUBLIC_EXPONENT); err == nil && len(rsaKey[0]) > 0 {
		e := new(big.Int).SetBytes(rsaKey[1])
		if !e.IsInt64() || e.Int64() > 1<<31-1 {
			return nil, errors.New("its exponent is too large")
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(rsaKey[0]), E: int(e.Int64())}, nil
	}
	ec, err := t.attributes(object, pkcs11.CKA_EC_PARAMS, pkcs11.CKA_EC_POINT)
	if err != nil {
		return nil, fmt.Errorf("it is neither RSA nor ECDSA nor ed25519: %w", err)
	}
	var point []byte
	if rest, err := asn1.Unmarshal(ec[1], &point); err != nil || len(rest) > 0 {
		point = ec[1] // as some tokens have it
	}
	var oid asn1.ObjectIdentifier
	_, _ = asn1.Unmarshal(ec[0], &oid) // that of ed25519 may be a name
	switch {
	case oid.Equal(oidP256):
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	case oid.Equal(oidP384):
		return ecdsa.ParseUncompressedPublicKey(elliptic.P384(), point)
	case len(point) == ed25519.PublicKeySize:
		return ed25519.PublicKey(point), nil
	}
	return nil, errors.New("its curve is none of P-256, P-384 and ed25519")
}

// sign signs as the key's scheme wants it.
func (t *token) sign(p pair, message []byte) ([]byte, error) {
	objects, err := t.objects([]*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_ID, p.id),
	})
	if err == nil && len(objects) != 1 {
		err = fmt.Errorf("there are %d private keys for it, want one", len(objects))
	}
	if err != nil {
		return nil, fmt.Errorf("key %q in token %q: %w", p.label, t.label, err)
	}
	var mechanism *pkcs11.Mechanism
	input := message
	scheme := p.public.Key().Scheme
	switch scheme {
	case keys.SchemeEd25519:
		mechanism = pkcs11.NewMechanism(ckmEdDSA, nil)
	case keys.SchemeECDSAP384:
		sum := sha512.Sum384(message)
		mechanism, input = pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil), sum[:]
	case keys.SchemeECDSAP256:
		sum := sha256.Sum256(message)
		mechanism, input = pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil), sum[:]
	default:
		sum := sha256.Sum256(message)
		params := pkcs11.NewPSSParams(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, sha256.Size)
		mechanism, input = pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS, params), sum[:]
	}
	if err := t.SignInit(t.session, []*pkcs11.Mechanism{mechanism}, objects[0]); err != nil {
		return nil, fmt.Errorf("key %q in token %q: %w", p.label, t.label, err)
	}
	sig, err := t.Sign(t.session, input)
	if err != nil {
		return nil, fmt.Errorf("key %q in token %q: %w", p.label, t.label, err)
	}
	if scheme == keys.SchemeECDSAP256 || scheme == keys.SchemeECDSAP384 {
		return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:len(sig)/2]), new(big.Int).SetBytes(sig[len(sig)/2:])})
	}
	return sig, nil
}

// generate makes a key pair that can't leave the token.
func (t *token) generate(kind keys.Type, label string) error {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	mechanism, public, err := parameters(kind)
	if err != nil {
		return err
	}
	both := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_ID, id),
	}
	public = append(append(public, both...), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true))
	private := append(both,
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
	)
	_, _, err = t.GenerateKeyPair(t.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, public, private)
	return err
}

// parameters are the mechanism and the attributes that make a kind of key.
func parameters(kind keys.Type) (mechanism uint, public []*pkcs11.Attribute, err error) {
	curve := func(params any, tag string) []*pkcs11.Attribute {
		var der []byte
		der, err = asn1.MarshalWithParams(params, tag)
		return []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, der)}
	}
	bits := map[keys.Type]int{keys.RSA2048: 2048, keys.RSA3072: 3072, keys.RSA4096: 4096}[kind]
	switch {
	case kind == keys.Ed25519:
		return ckmECEdwardsKeyPairGen, append(curve(edwards25519, "printable"), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, ckkECEdwards)), err
	case kind == keys.ECDSAP256:
		return pkcs11.CKM_EC_KEY_PAIR_GEN, curve(oidP256, ""), err
	case kind == keys.ECDSAP384:
		return pkcs11.CKM_EC_KEY_PAIR_GEN, curve(oidP384, ""), err
	case bits > 0:
		return pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, bits), pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
		}, nil
	}
	return 0, nil, fmt.Errorf("%s: %w: PKCS#11 tokens make ed25519, ecdsa and rsa keys", kind, keys.ErrUnsupported)
}
