package keys_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"example.org/rstuf/keys"
)

// Make a key, keep it encrypted, and see its key object.
func ExampleGenerate() {
	key, err := keys.Generate(keys.Ed25519, "alice")
	if err != nil {
		log.Fatal(err)
	}
	defer key.Close()

	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "id_ed25519")
	if err := key.Save(path, keys.SaveOptions{Password: []byte("correct horse")}); err != nil {
		log.Fatal(err)
	}
	public, err := keys.LoadPublic(path + ".pub")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.Public().Name(), key.Public().Key().Scheme, len(key.Public().ID()))
	fmt.Println(public.ID() == key.Public().ID())
	// Output:
	// alice ed25519 64
	// true
}

// Load asks for a password only if the file needs one. A program that prompts
// asks again after ErrPassword.
func ExampleLoad() {
	attempts := []string{"wrong", "hunter2"}
	prompt := func() ([]byte, error) {
		answer := attempts[0]
		attempts = attempts[1:]
		return []byte(answer), nil
	}
	path := filepath.Join("testdata", "keys", "pkcs8-ecdsa-256")
	key, err := keys.Load(path, prompt)
	for errors.Is(err, keys.ErrPassword) {
		fmt.Println("wrong password, try again")
		key, err = keys.Load(path, prompt)
	}
	if err != nil {
		log.Fatal(err)
	}
	defer key.Close()
	fmt.Println(key.Public().ID())
	// Output:
	// wrong password, try again
	// bbfb8b2cda27121a99a435fbb197cb8821e2e8e6af21458b22f4d8ebd353863d
}

// A crypto.Signer, such as a key in an HSM or a TPM, signs like a file does.
// Here Go's own type stands in for one.
func ExampleNewSigner() {
	device, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	signer, err := keys.NewSigner(device, "bob's token")
	if err != nil {
		log.Fatal(err)
	}
	message := []byte("the signed part of a root")
	sig, err := signer.Sign(context.Background(), message)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer.Public().Verify(message, sig))
	fmt.Println(errors.Is(signer.Public().Verify([]byte("another"), sig), keys.ErrBadSignature))
	// Output:
	// <nil>
	// true
}

// Keys in an ssh-agent sign too. An agent speaks SSH's signature format, which
// for Ed25519 is the plain signature. (ECDSA signatures would have to be put
// into ASN.1 first; RSA ones cannot be used, since agents know no PSS.)
func ExampleNewSignerFunc() {
	sshAgent := agent.NewKeyring() // agent.NewClient for the one at SSH_AUTH_SOCK
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	if err := sshAgent.Add(agent.AddedKey{PrivateKey: private, Comment: "alice@laptop"}); err != nil {
		log.Fatal(err)
	}
	held, err := sshAgent.List()
	if err != nil {
		log.Fatal(err)
	}
	sshKey, err := ssh.ParsePublicKey(held[0].Blob)
	if err != nil {
		log.Fatal(err)
	}
	public, err := keys.FromCrypto(sshKey.(ssh.CryptoPublicKey).CryptoPublicKey(), held[0].Comment)
	if err != nil {
		log.Fatal(err)
	}
	signer := keys.NewSignerFunc(public, func(_ context.Context, message []byte) ([]byte, error) {
		sig, err := sshAgent.Sign(sshKey, message)
		if err != nil {
			return nil, err
		}
		return sig.Blob, nil
	})
	sig, err := signer.Sign(context.Background(), []byte("the signed part of a root"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer.Public().Name(), len(sig))
	// Output: alice@laptop 64
}

// The online key's URI in a root names the file in a worker's key directory.
func ExampleOpenURI() {
	signer, err := keys.OpenURI(context.Background(), "fn:pkcs8-ed25519-plain", keys.URIConfig{
		Dir:  filepath.Join("testdata", "keys"),
		Name: "online",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer.Public())
	// Output: online (bac7a98776f5011c)
}
