package service

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// names are the files of the folder, those that a name was used for included. A
// folder with another repository is refused.
func (a *adoption) names(ctx context.Context) ([]string, error) {
	name := metadata.Filename(rstuf.RoleTimestamp, 0)
	there, err := a.s.storage.Read(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case string(there) != string(a.found.timestamp.Bytes()):
		return nil, fmt.Errorf("the metadata folder holds a repository (%s) that is not the source's: choose an empty folder", name)
	}
	names, err := a.s.storage.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list metadata files: %w", err)
	}
	for role, version := range a.found.listed {
		names = append(names, metadata.Filename(role, version))
	}
	return names, nil
}

// copy copies what the timestamp names, and all roots but the newest, which is
// announced last. What has changed since it was read is an error.
func (a *adoption) copy(ctx context.Context) error {
	roots := a.found.roots
	for _, root := range roots[:len(roots)-1] {
		if err := a.put(ctx, metadata.Filename(rstuf.RoleRoot, root.Version()), root.Bytes()); err != nil {
			return err
		}
	}
	for role, err := range a.reader.Roles(ctx) {
		if err != nil {
			return err
		}
		if role.Name == rstuf.RoleRoot || role.Name == rstuf.RoleTimestamp || role.Document == nil {
			continue
		}
		data := role.Document.Bytes()
		if sha256.Sum256(data) != a.found.infos[role.Name].sum {
			return fmt.Errorf("%w (%s was another one before)", errMoves, role.Name)
		}
		if err := a.put(ctx, metadata.Filename(role.Name, role.Document.Version()), data); err != nil {
			return err
		}
	}
	a.done.Roles = len(a.found.infos)
	return nil
}

func (a *adoption) put(ctx context.Context, name string, data []byte) error {
	made, err := putFile(ctx, a.s.storage, name, data)
	if made {
		a.done.Files++
	}
	return err
}

// putFile writes a file unless it is there. What is there may come from an attempt
// that a crash has ended, before it was durable, or cut short by a loss of power.
func putFile(ctx context.Context, storage Storage, name string, data []byte) (made bool, err error) {
	there, err := storage.Read(ctx, name)
	switch {
	case err == nil && string(there) == string(data):
		return false, storage.Create(ctx, name, data) // which the next Sync makes durable
	case err == nil && readable(there):
		return false, fmt.Errorf("the metadata folder holds another %s than the source: choose an empty folder", name)
	case err == nil:
		if err := storage.Remove(ctx, name); err != nil {
			return false, fmt.Errorf("remove %s: %w", name, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	if err := storage.Create(ctx, name, data); err != nil {
		return false, fmt.Errorf("write %s: %w", name, err)
	}
	return true, nil
}

func readable(file []byte) bool {
	_, err := metadata.Parse(file)
	return err == nil
}
