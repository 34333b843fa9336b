package service

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
)

// moveStep is how many bytes one commit of a move writes.
const moveStep = 4 << 20

// copyTables makes the target's database what the source's is.
func (m *moving) copyTables(ctx context.Context) error {
	if err := m.clearTarget(ctx); err != nil {
		return err
	}
	b := stepper{store: m.to.store}
	for _, table := range Tables() {
		err := m.from.store.Read(ctx, table, func(key string, value []byte) error {
			if isMark(table, key) {
				return nil
			}
			return b.add(ctx, Change{table, key, append([]byte{}, value...)}) // an empty value is not none
		})
		if err != nil {
			return fmt.Errorf("copy the database: %w", err)
		}
	}
	return b.flush(ctx)
}

// clearTarget takes away what an earlier attempt has left, or was there when the
// repository moved away.
func (m *moving) clearTarget(ctx context.Context) error {
	for _, table := range Tables() {
		var keys []string
		err := m.to.store.Read(ctx, table, func(key string, _ []byte) error {
			if !isMark(table, key) {
				keys = append(keys, strings.Clone(key))
			}
			return nil
		})
		if err != nil {
			return err
		}
		b := stepper{store: m.to.store}
		for _, key := range keys {
			if err := b.add(ctx, Change{Table: table, Key: key}); err != nil {
				return err
			}
		}
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// stepper makes many changes in several commits.
type stepper struct {
	store Store
	list  []Change
	size  int
}

// changeCost is what a change counts beside its key and its value.
const changeCost = 100

func (b *stepper) add(ctx context.Context, c Change) error {
	b.list = append(b.list, c)
	if b.size += len(c.Key) + len(c.Value) + changeCost; b.size < moveStep {
		return nil
	}
	return b.flush(ctx)
}

func (b *stepper) flush(ctx context.Context) error {
	if len(b.list) == 0 {
		return nil
	}
	list := b.list
	b.list, b.size = nil, 0
	return b.store.Commit(ctx, list)
}

// late are requests that came while the database was copied: of replicas that were
// stopped for a while. They acknowledge none once the mark is there.
func (m *moving) late(ctx context.Context) (late changes, err error) {
	known := map[string]bool{}
	err = m.to.store.Read(ctx, tableQueue, func(key string, _ []byte) error {
		known[strings.Clone(key)] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	return late, m.from.store.Read(ctx, tableQueue, func(key string, value []byte) error {
		if !known[key] {
			late.put(tableQueue, strings.Clone(key), slices.Clone(value))
		}
		return nil
	})
}

// compareTables looks whether what was copied is what is there.
func (m *moving) compareTables(ctx context.Context) error {
	for _, table := range Tables() {
		want, err := digest(ctx, m.from.store, table)
		if err != nil {
			return err
		}
		got, err := digest(ctx, m.to.store, table)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("what was copied is not what is there now (table %s): stop all that still accepts, and move again", table)
		}
	}
	return nil
}

// announce makes the files that clients begin with, the last ones.
func (m *moving) announce(ctx context.Context) error {
	if !m.from.repo.bootstrapped() {
		return nil
	}
	return m.to.announce(ctx, m.from.repo, afterCommit)
}

// verify looks at the target as a start and a complete check would.
func (m *moving) verify(ctx context.Context) error {
	s := newService(m.to.cfg, m.to.disk)
	s.setStore(m.to.store)
	s.storage = m.to.storage
	if err := s.loadTables(ctx); err != nil {
		return err
	}
	report := &Report{Complete: true}
	if err := s.checkFiles(ctx, report); err != nil {
		return err
	}
	if len(report.Problems) > 0 {
		return fmt.Errorf("what was copied does not verify: %w", inconsistent(report.Problems))
	}
	return nil
}

// digest is the hash of a table.
func digest(ctx context.Context, store Store, table Table) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	err = store.Read(ctx, table, func(key string, value []byte) error {
		if isMark(table, key) {
			return nil
		}
		for _, part := range [][]byte{[]byte(key), value} {
			h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
			h.Write(part)
		}
		return nil
	})
	h.Sum(sum[:0])
	return sum, err
}

// tell says what there is now and what did not come along.
func (m *moving) tell() {
	r := m.from.repo
	if r.bootstrapped() {
		m.done.Root, m.done.Timestamp = r.root.Version(), r.roles.get(rstuf.RoleTimestamp).version
	}
	for role := range r.signing {
		m.done.Signing = append(m.done.Signing, role)
	}
	slices.Sort(m.done.Signing)
	m.done.Waiting += len(m.from.queue.list)
	m.done.Tasks = len(m.from.results.kept.list)
	m.left("The private online key. %s", m.whereKey())
	m.left("Tokens, certificates, limits and all else that a service is started with.")
	if !m.same {
		m.left("The address that clients fetch metadata from: have it lead to the new place.")
	}
}

// whereKey says where the target finds the online key.
func (m *moving) whereKey() string {
	uri := ""
	if m.from.repo.root != nil {
		if root, err := m.from.repo.root.Root(); err == nil {
			if key, err := metadata.OnlineKey(root); err == nil {
				uri = key.Key().OnlineURI
			}
		}
	}
	name, isFile := strings.CutPrefix(uri, "fn:")
	switch {
	case isFile:
		return quote.Sprintf("Root says %s: the file %s in %s.", uri, name, m.to.cfg.Keys.Dir)
	case uri != "":
		return quote.Sprintf("Root says %s: the service needs access to it there.", uri)
	}
	return "Root does not say where it is: the service is started with it there."
}

// left notes something that did not come along.
func (m *moving) left(format string, args ...any) {
	m.done.Left = append(m.done.Left, quote.Sprintf(format, args...))
}
