// Keys writes private keys of every type, plain and encrypted, their public
// halves, and an index with key objects, ids and signatures into a folder, for
// other implementations to read.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"example.org/rstuf"
	"example.org/rstuf/keys"
)

type entry struct {
	KeyID     string    `json:"keyid"`
	Key       rstuf.Key `json:"key"`
	Password  *string   `json:"password"`
	Message   string    `json:"message"`
	Signature string    `json:"signature"`
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir string) error {
	index := map[string]entry{}
	secret := "a password with ümlauts"
	for _, kind := range []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.ECDSAP384, keys.RSA2048, keys.RSA3072, keys.RSA4096, keys.MLDSA44, keys.MLDSA65, keys.MLDSA87} {
		for name, password := range map[string]*string{"plain": nil, "encrypted": &secret} {
			name = string(kind) + "-" + name
			e, err := write(filepath.Join(dir, name), kind, password)
			if err != nil {
				return err
			}
			index[name] = e
		}
	}
	data, err := json.MarshalIndent(index, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "keys.json"), data, 0o644)
}

func write(path string, kind keys.Type, password *string) (entry, error) {
	key, err := keys.Generate(kind, "")
	if err != nil {
		return entry{}, err
	}
	opts := keys.SaveOptions{Plain: password == nil}
	if password != nil {
		opts.Password = []byte(*password)
	}
	if err := key.Save(path, opts); err != nil {
		return entry{}, err
	}
	message := "a message signed in Go"
	sig, err := key.Sign(context.Background(), []byte(message))
	return entry{key.Public().ID(), key.Public().Key(), password, message, hex.EncodeToString(sig)}, err
}
