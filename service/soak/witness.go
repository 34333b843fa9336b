package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// witness is a client that never forgets. What it has seen of the repository
// bounds all that it sees later: nothing goes back, nothing is missing, and no
// name holds two contents.
type witness struct {
	folder string
	reader *repository.Reader
	sums   map[string][sha256.Size]byte // of every versioned file that was ever seen
	stamp  []byte                       // timestamp.json as it was last seen
	latest int64                        // its version
}

func newWitness(folder string, firstRoot []byte) (*witness, error) {
	reader, err := repository.New(repository.Config{MetadataURL: "file://" + filepath.ToSlash(folder)}, repository.TrustRoot(firstRoot))
	return &witness{folder: folder, reader: reader, sums: map[string][sha256.Size]byte{}}, err
}

// look looks at the repository as it is now; promised says that it must be there.
func (w *witness) look(ctx context.Context, promised bool) error {
	if err := w.names(); err != nil {
		return err
	}
	if err := w.glance(); err != nil {
		return err
	}
	if w.stamp == nil {
		if promised {
			return errors.New("timestamp.json is missing, though a task said that the repository is there")
		}
		return nil
	}
	if err := w.reader.Refresh(ctx); err != nil {
		return fmt.Errorf("a client that was here before can't go on: %w", err)
	}
	for role, err := range w.reader.Roles(ctx) {
		if err == nil && role.Err != nil && !(errors.Is(role.Err, repository.ErrNotSigned) && role.Name == devRole) {
			err = fmt.Errorf("role %s: %w", role.Name, role.Err)
		}
		if err != nil {
			return fmt.Errorf("a client that was here before can't go on: %w", err)
		}
	}
	return nil
}

// glance looks at timestamp.json alone.
func (w *witness) glance() error {
	data, err := os.ReadFile(filepath.Join(w.folder, "timestamp.json"))
	if errors.Is(err, fs.ErrNotExist) && w.stamp == nil {
		return nil
	}
	if err != nil || bytes.Equal(data, w.stamp) {
		return err
	}
	doc, err := metadata.Parse(data)
	if err != nil {
		return fmt.Errorf("timestamp.json: %w", err)
	}
	if doc.Version() <= w.latest {
		return fmt.Errorf("timestamp.json had version %d, and has another version %d now", w.latest, doc.Version())
	}
	w.stamp, w.latest = data, doc.Version()
	return nil
}

// names compares every versioned file with what it held when it was first seen.
func (w *witness) names() error {
	entries, err := os.ReadDir(w.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if name == rstuf.RoleTimestamp+".json" || strings.HasSuffix(name, ".tmp") || !strings.HasSuffix(name, ".json") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(w.folder, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was removed meanwhile
		}
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		if before, seen := w.sums[name]; seen && before != sum {
			return fmt.Errorf("%s holds another content than before", name)
		}
		w.sums[name] = sum
	}
	return nil
}
