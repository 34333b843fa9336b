package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync/atomic"

	"example.org/rstuf"
	"example.org/rstuf/internal/durable"
	"example.org/rstuf/metadata"
)

// A repository moves from one database and storage to others as it is, entry by
// entry and file by file, so that versions, tasks and the names once used go on.
// The target is marked as arriving until it is whole and the source is marked as
// moved. So at no moment do both serve it. Between the last two commits, of which
// each is of another database, neither does: the move is repeated then.

// Moved is what [Move] has done.
type Moved struct {
	// Root and Timestamp are the versions that are published; 0 before a ceremony is
	// finished.
	Root      int64 `json:"root"`
	Timestamp int64 `json:"timestamp"`
	// Files is how many metadata files were copied: those that were not there yet.
	Files int `json:"files"`
	// Waiting is how many requests wait to be published, and Tasks how many results of
	// others came along.
	Waiting int `json:"waiting"`
	Tasks   int `json:"tasks"`
	// Signing are the roles whose next version waits for signatures.
	Signing []string `json:"signing"`
	// Left are what did not come along and what is to be done about it, a line each.
	Left []string `json:"left"`
}

// Move moves a repository from one service to another: all that is accepted and
// decided, and all metadata files, from a state.db or any other store to any other,
// and from a folder or a bucket to any other. Of the two configurations Dir, Store
// and Storage are used. If both have one and the same Storage, or none and one Dir,
// the files stay where they are. No service may run on either (ErrLocked).
//
// The target must be empty, or hold what an earlier attempt has left, or what was
// there before this repository moved away. All of it is verified before the source
// is marked as moved: a service that is opened on it from then on returns
// [ErrElsewhere] and where it is, for which the line where is kept.
//
// After an error or a crash the source goes on as before, or nothing has been done
// to it but the mark; and Move can be called again. Versions go on, so clients notice
// nothing. [Moved.Left] tells what does not come along.
func Move(ctx context.Context, from, to Config, where string) (*Moved, error) {
	done, err := move(ctx, from, to, where, &durable.Disk{Unsafe: from.UnsafeNoSync}, &durable.Disk{Unsafe: to.UnsafeNoSync})
	if err != nil {
		return nil, fmt.Errorf("move %s: %w", from.Dir, err)
	}
	return done, nil
}

// moving is a move under way.
type moving struct {
	from, to *Service
	where    string
	// same tells that both sides have the same storage.
	same bool
	mark mark
	// ending is set where an earlier attempt has copied and verified all, and marked
	// the source.
	ending bool
	done   *Moved
}

func move(ctx context.Context, from, to Config, where string, fromDisk, toDisk *durable.Disk) (_ *Moved, err error) {
	if from, err = from.withDefaults(); err != nil {
		return nil, err
	}
	if to, err = to.withDefaults(); err != nil {
		return nil, err
	}
	sameDir := sameFolder(from.Dir, to.Dir)
	if from.Store == nil && to.Store == nil && sameDir {
		return nil, errors.New("both sides have the same database: name another folder")
	}
	m := &moving{
		from: newService(from, fromDisk), to: newService(to, toDisk), where: where,
		same: sameStorage(from.Storage, to.Storage) || from.Storage == nil && to.Storage == nil && sameDir,
		done: &Moved{Signing: []string{}, Left: []string{}},
	}
	defer func() {
		for _, s := range []*Service{m.to, m.from} {
			if s.store != nil {
				err = errors.Join(err, s.store.Close())
			}
		}
	}()
	for _, step := range []func(context.Context) error{m.openSource, m.openTarget, m.copy, m.verify, m.handOver} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	m.tell()
	return m.done, nil
}

// copy makes the target what the source is.
func (m *moving) copy(ctx context.Context) error {
	if m.ending {
		return nil
	}
	for _, step := range []func(context.Context) error{m.arrive, m.copyFiles, m.copyTables, m.compareTables, m.announce} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func sameFolder(a, b string) bool {
	one, err := os.Stat(a)
	other, otherErr := os.Stat(b)
	if err == nil && otherErr == nil {
		return os.SameFile(one, other)
	}
	return filepath.Clean(a) == filepath.Clean(b)
}

func sameStorage(a, b Storage) bool {
	kind := reflect.TypeOf(a)
	return a != nil && b != nil && kind == reflect.TypeOf(b) && kind.Comparable() && a == b
}

// arrive marks the target before anything else is written there.
func (m *moving) arrive(ctx context.Context) error {
	m.mark = newMark(m.from, rand.Text(), m.where)
	var c changes
	c.put(tableState, keyArriving, m.mark.encode())
	c.delete(tableState, keyMoved)
	return m.to.store.Commit(ctx, c)
}

// copyFiles copies the metadata files but for the two that clients begin with.
func (m *moving) copyFiles(ctx context.Context) error {
	if m.same {
		return nil
	}
	names, err := m.from.storage.List(ctx)
	if errors.Is(err, fs.ErrNotExist) && !m.from.repo.bootstrapped() {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("list metadata files: %w", err)
	}
	last := []string{metadata.Filename(rstuf.RoleTimestamp, 0)}
	if m.from.repo.root != nil {
		last = append(last, metadata.Filename(rstuf.RoleRoot, m.from.repo.root.Version()))
	}
	others := len(names)
	names = slices.DeleteFunc(names, func(name string) bool {
		if durable.IsTemporary(name) || slices.Contains(last, name) {
			others--
			return true
		}
		_, _, ok := splitFilename(name)
		return !ok
	})
	if others -= len(names); others > 0 {
		m.left("Files in the folder of the metadata files that are none: %d.", others)
	}
	var made atomic.Int64
	err = each(ctx, names, func(ctx context.Context, name string) error {
		data, err := m.from.storage.Read(ctx, name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		isNew, err := putFile(ctx, m.to.storage, name, data)
		if isNew {
			made.Add(1)
		}
		return err
	})
	if err != nil {
		return err
	}
	m.done.Files = int(made.Load())
	return m.to.storage.Sync(ctx)
}

// handOver makes the target the one that serves.
func (m *moving) handOver(ctx context.Context) error {
	if !m.ending {
		if err := m.from.store.Commit(ctx, changes{{tableState, keyMoved, m.mark.encode()}}); err != nil {
			return fmt.Errorf("mark the source as moved: %w", err)
		}
	}
	ctx = context.WithoutCancel(ctx)
	last, err := m.late(ctx)
	m.done.Waiting += len(last)
	last.delete(tableState, keyArriving)
	if err == nil {
		err = m.to.store.Commit(ctx, last)
	}
	if err != nil {
		return fmt.Errorf("the source is marked as moved, and the target not as whole yet; move again: %w", err)
	}
	return nil
}
