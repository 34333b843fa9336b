package rstuftest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"

	"example.org/rstuf/service"
)

// TestStorage tests what a [service.Storage] must do: what is created and replaced
// is there for whoever opens it anew, what is there is never overwritten by who does
// not know of it, and of many writers at once one is told that it was first. Open
// gives the storage, which is empty at first, each time with what the earlier ones
// have left.
func TestStorage(t *testing.T, open func() service.Storage) {
	t.Helper()
	c := &storageTest{t, open}
	c.holds(nil)
	_, err := open().Read(t.Context(), "timestamp.json")
	c.is(err, fs.ErrNotExist, "a file that is not there is read")
	c.is(open().Remove(t.Context(), "1.nothing.json"), nil, "a file that is not there is removed")
	c.is(open().Sync(t.Context()), nil, "nothing is synced")
	c.create()
	c.replace()
	c.many()
	names, err := open().List(t.Context())
	c.is(err, nil, "list")
	for _, name := range names {
		c.is(open().Remove(t.Context(), name), nil, "remove "+name)
		c.is(open().Remove(t.Context(), name), nil, "remove again "+name)
	}
	c.holds(nil)
}

type storageTest struct {
	*testing.T
	open func() service.Storage
}

// is compares an error with the one that is wanted.
func (c *storageTest) is(err, want error, when string) {
	c.Helper()
	if !errors.Is(err, want) {
		c.Errorf("%s: the error is %v, not %v", when, err, want)
	}
}

// holds compares all files with those wanted.
func (c *storageTest) holds(want map[string]string) {
	c.Helper()
	names, err := c.open().List(c.Context())
	c.is(err, nil, "list")
	if len(names) != len(want) {
		slices.Sort(names)
		c.Errorf("there are the files %q, and %d are wanted", names, len(want))
	}
	for name, content := range want {
		data, err := c.open().Read(c.Context(), name)
		if err != nil || string(data) != content {
			c.Errorf("%s: %d bytes (%v), and %d others are wanted", name, len(data), err, len(content))
		}
	}
}

func (c *storageTest) create() {
	s := c.open()
	files := map[string]string{"1.a b~ü+%2F.json": "odd", "1.empty.json": "", "1.large.json": string(bytes.Repeat([]byte("0123456789abcdef"), 1<<16))}
	for name, content := range files {
		c.is(s.Create(c.Context(), name, []byte(content)), nil, "create "+name)
		c.is(s.Create(c.Context(), name, []byte(content)), nil, "create the same again: "+name)
		c.is(c.open().Create(c.Context(), name, []byte("other")), fs.ErrExist, "create another in its place: "+name)
	}
	c.is(s.Sync(c.Context()), nil, "sync")
	c.holds(files)
	for name := range files {
		c.is(s.Remove(c.Context(), name), nil, "remove "+name)
	}
}

func (c *storageTest) replace() {
	const name = "timestamp.json"
	s := c.open()
	for _, step := range []struct {
		old       []byte
		new, then string
		err       error
	}{
		{[]byte("zero"), "one", "", service.ErrChanged},
		{[]byte{}, "one", "", service.ErrChanged},
		{nil, "one", "one", nil},
		{nil, "one", "one", nil},
		{nil, "two", "one", service.ErrChanged},
		{[]byte("one"), "two", "two", nil},
		{[]byte("one"), "two", "two", nil},
		{[]byte("one"), "three", "two", service.ErrChanged},
		{[]byte("two"), "", "", nil},
		{nil, "four", "", service.ErrChanged},
		{[]byte{}, "four", "four", nil},
	} {
		c.is(s.Replace(c.Context(), name, step.old, []byte(step.new)), step.err, fmt.Sprintf("replace %q by %q", step.old, step.new))
		data, err := c.open().Read(c.Context(), name)
		if string(data) != step.then || err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.Errorf("after %q was to be replaced by %q there is %q (%v)", step.old, step.new, data, err)
		}
	}
	c.is(s.Remove(c.Context(), name), nil, "remove "+name)
}

// many has several write at once, each through a storage of its own.
func (c *storageTest) many() {
	if p, ok := c.open().(service.Prober); ok && errors.Is(p.Probe(c.Context()), service.ErrUnconditional) {
		return // it has said so
	}
	want := map[string]string{}
	var old []byte
	for round := range 10 {
		created, replaced := make([]bool, 8), make([]bool, 8)
		name := fmt.Sprintf("%d.role.json", round+1)
		var all sync.WaitGroup
		for i := range created {
			s, content := c.open(), bytes.Repeat([]byte{byte('a' + i)}, 100+round)
			all.Go(func() { created[i] = s.Create(c.Context(), name, content) == nil })
			all.Go(func() { replaced[i] = s.Replace(c.Context(), "timestamp.json", old, content) == nil })
		}
		all.Wait()
		for _, done := range []struct {
			name string
			by   []bool
		}{{name, created}, {"timestamp.json", replaced}} {
			first := slices.Index(done.by, true)
			if first < 0 || slices.Contains(done.by[first+1:], true) {
				c.Errorf("of eight who write %s at once not one alone was told that it was first: %v", done.name, done.by)
				return
			}
			want[done.name] = string(bytes.Repeat([]byte{byte('a' + first)}, 100+round))
		}
		old = []byte(want["timestamp.json"])
	}
	c.holds(want)
}
