package main

import (
	"bytes"
	"context"
	"fmt"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
)

// artifact is one to add; its path is below the prefix of the repository.
type artifact struct {
	path    string
	content []byte
	hashes  []string // sha256 if empty
}

var (
	several = []string{"sha256", "sha512"}
	every   = []string{"sha256", "sha512", "blake2b-256"}
)

var first = []artifact{
	{"hello.txt", []byte("Hello, other clients.\n"), nil},
	{"empty", []byte{}, nil},
	{"docs/index.html", []byte("<p>A file that web servers like to redirect.\n"), nil},
	{"a/deeper/folder/data.bin", bytes.Repeat([]byte{0, 1, 2, 255}, 1<<18), several},
	{"ünïcödé/日本語 ファイル.txt", []byte("Paths may hold any character.\n"), several},
	{"three hashes.bin", []byte("three\n"), every},
}

var later = []artifact{
	{"hello.txt", []byte("Hello again, this time longer.\n"), several}, // replaces the first
	{"later/Ω.txt", []byte("later\n"), nil},
}

// life is what every repository goes through.
func (r *repository) life(ctx context.Context) error {
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"after the bootstrap", func() error { return nil }},
		{"first artifacts", func() error { return r.add(ctx, first...) }},
		{"more artifacts, one replaced", func() error { return r.add(ctx, later...) }},
		{"a removal", func() error { return r.remove(ctx, "empty", "later/Ω.txt") }},
		{"a bump of the online roles", func() error { return r.bump(ctx) }},
		{"a new root key", func() error {
			change := ceremony.Change{AddRootKeys: []keys.Public{r.people["dave"].Public()}, RemoveRootKeys: []string{"alice"}}
			return r.updateRoot(ctx, change, "bob", "carol")
		}},
		{"a new online key", func() error {
			online, err := r.onlineKey(keys.ECDSAP256, "online2")
			if err != nil {
				return err
			}
			return r.updateRoot(ctx, ceremony.Change{OnlineKey: online, OnlineURI: "fn:online2"}, "dave", "carol")
		}},
		{"artifacts that the new online key signs", func() error {
			return r.add(ctx, artifact{"later/Ω.txt", []byte("later again\n"), nil})
		}},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		if err := r.expect(ctx, step.what); err != nil {
			return err
		}
	}
	return r.attacks(ctx)
}

// offlineLife is what a repository with the role dev goes through, whose keys
// are offline: each of its versions waits for both signers, and clients see
// the one before until then.
func (r *repository) offlineLife(ctx context.Context, signers []*keys.Private) error {
	for _, signer := range signers { // version 1, which has nothing in it
		if err := r.signPending(ctx, "dev", signer); err != nil {
			return fmt.Errorf("the first version of an offline role: %w", err)
		}
	}
	r.prefix = "app/"
	if err := r.life(ctx); err != nil {
		return err
	}
	r.prefix = "dev/"
	tool := artifact{"tool ü.bin", []byte("signed offline\n"), several}
	path := r.prefix + tool.path
	for _, step := range []struct {
		what          string
		do            func() error
		before, after []byte
	}{
		{"an artifact of an offline role", func() error { return r.add(ctx, tool) }, nil, tool.content},
		{"a removal from an offline role", func() error { return r.remove(ctx, tool.path) }, tool.content, nil},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		r.set(path, step.before)
		for i, signer := range signers {
			if err := r.expect(ctx, fmt.Sprintf("%s, %d of %d have signed", step.what, i, len(signers))); err != nil {
				return err
			}
			if err := r.signPending(ctx, "dev", signer); err != nil {
				return fmt.Errorf("%s: %w", step.what, err)
			}
		}
		r.set(path, step.after)
		if err := r.expect(ctx, step.what+", all have signed"); err != nil {
			return err
		}
	}
	return nil
}
