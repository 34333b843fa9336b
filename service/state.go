package service

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// state is what the service knows beside the metadata.
type state struct {
	// Bootstrap is a state of rstuf.BootstrapState, but "pre", which follows
	// from the queue.
	Bootstrap   string
	BootstrapID string
	// Expiration is in days, by role; "bins" stands for all bins.
	Expiration map[string]int
	// Bins is the number of hash bins, 0 with custom delegations.
	Bins int
	// Delegations are those of the bootstrap payload.
	Delegations *rstuf.Delegations
	// UsedNames are all delegated roles that ever were.
	UsedNames map[string]bool
	// FirstRoot is the version of the oldest root, and Roots are the SHA-256 of
	// its file and of all that follow, in hex.
	FirstRoot int64    `json:",omitempty"`
	Roots     []string `json:",omitempty"`
	// Listed are roles that nobody delegates to and that the service has no file
	// of: an adopted repository's snapshots named these versions of them.
	Listed map[string]int64 `json:",omitempty"`
	// Signed are the roles that ever waited for signatures.
	Signed map[string]bool
}

// used tells whether a delegated role ever had a name. Names that differ in
// case alone are one: some file systems do not tell their files apart.
func (st *state) used(name string) bool {
	for used := range st.UsedNames {
		if strings.EqualFold(used, name) {
			return true
		}
	}
	return false
}

// roleInfo says what is published of a role.
type roleInfo struct {
	version int64
	expires time.Time
	sum     [32]byte // SHA-256 of the file
	skips   int64    // how often versions had skipped one by then
}

func (r roleInfo) encode() []byte {
	out := binary.BigEndian.AppendUint64(nil, uint64(r.version))
	out = binary.BigEndian.AppendUint64(out, uint64(r.expires.Unix()))
	out = append(out, r.sum[:]...)
	return seal(binary.BigEndian.AppendUint64(out, uint64(r.skips)))
}

func decodeRoleInfo(sealed []byte) (r roleInfo, err error) {
	data, err := unseal(sealed)
	if err != nil {
		return r, err
	}
	if len(data) != 24+len(r.sum) {
		return r, errors.New("a role's entry has the wrong length")
	}
	r.version = int64(binary.BigEndian.Uint64(data))
	r.expires = time.Unix(int64(binary.BigEndian.Uint64(data[8:])), 0).UTC()
	copy(r.sum[:], data[16:])
	r.skips = int64(binary.BigEndian.Uint64(data[16+len(r.sum):]))
	return r, nil
}

// reader is the part of a [Store] that gives whole tables.
type reader interface {
	Read(ctx context.Context, table Table, f func(key string, value []byte) error) error
}

// loadRepository reads what the database knows of the repository.
func loadRepository(ctx context.Context, store reader) (*repository, error) {
	r := &repository{signing: map[string]*metadata.Document{}}
	err := store.Read(ctx, tableState, func(key string, value []byte) error {
		if err := r.loadValue(key, value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if r.bootstrapped() && (r.root == nil || r.timestamp == nil) {
		return nil, errors.New("root or timestamp is missing")
	}
	roles := map[string]roleInfo{}
	err = store.Read(ctx, tableRoles, func(name string, raw []byte) (err error) {
		roles[name], err = decodeRoleInfo(raw)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.roles = newRoleTable(roles)
	for _, info := range roles {
		r.committedSkips = max(r.committedSkips, info.skips)
	}
	return r, store.Read(ctx, tableSigning, func(role string, sealed []byte) error {
		raw, err := unseal(sealed)
		if err != nil {
			return fmt.Errorf("signing of %s: %w", role, err)
		}
		doc, err := metadata.Parse(raw)
		if err != nil {
			return fmt.Errorf("signing of %s: %w", role, err)
		}
		r.signing[role] = doc
		return nil
	})
}

// loadValue reads a value of tableState.
func (r *repository) loadValue(key string, sealed []byte) error {
	switch key {
	case keyClean:
		r.clean = true
		return nil
	case keyAdopting:
		r.adopting = true
		return nil
	case keyWatched, keyArriving, keyMoved:
		return nil // for suspects and elsewhere
	case keyEnding:
		return nil // for replicas
	}
	raw, err := unseal(sealed)
	if err != nil {
		return err
	}
	switch key {
	case keyState:
		return json.Unmarshal(raw, &r.state)
	case keyRoot:
		doc, err := metadata.Parse(raw)
		if err != nil {
			return err
		}
		r.root = trusted(doc)
	case keyTimestamp:
		r.timestamp = bytes.Clone(raw)
	case keySkips:
		r.skips, err = parseNumber(raw)
	}
	return err
}
