package rstuftest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// memory is a [service.Storage] that forgets all at the end of the process, for
// which it needs no disk, and keeps each timestamp, for attackers who do.
type memory struct {
	mu         sync.RWMutex
	files      map[string][]byte
	timestamps [][]byte
}

var _ service.Opener = (*memory)(nil)

func (m *memory) Read(_ context.Context, name string) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if data, ok := m.files[name]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (m *memory) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	data, err := m.Read(ctx, name)
	return struct {
		io.ReadSeeker
		io.Closer
	}{bytes.NewReader(data), io.NopCloser(nil)}, err
}

func (m *memory) Create(_ context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if there, ok := m.files[name]; ok {
		if !bytes.Equal(there, data) {
			return fmt.Errorf("%s: %w", name, fs.ErrExist)
		}
		return nil
	}
	m.put(name, data)
	return nil
}

func (m *memory) put(name string, data []byte) {
	if m.files == nil {
		m.files = map[string][]byte{}
	}
	m.files[name] = append([]byte{}, data...)
}

func (m *memory) Sync(context.Context) error { return nil }

func (m *memory) Replace(_ context.Context, name string, old, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	there, ok := m.files[name]
	if ok && bytes.Equal(there, data) {
		return nil
	}
	if !bytes.Equal(there, old) || ok != (old != nil) {
		return fmt.Errorf("%s: %w", name, service.ErrChanged)
	}
	if name == metadata.Filename(rstuf.RoleTimestamp, 0) {
		m.timestamps = append(m.timestamps, bytes.Clone(data))
	}
	m.put(name, data)
	return nil
}

func (m *memory) Remove(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, name)
	return nil
}

func (m *memory) List(context.Context) ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Collect(maps.Keys(m.files)), nil
}

// older is the timestamp before the newest one; nil if there is none.
func (m *memory) older() []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if len(m.timestamps) < 2 {
		return nil
	}
	return m.timestamps[len(m.timestamps)-2]
}
