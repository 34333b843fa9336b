package rstuftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.org/rstuf/service"
)

// TestStore tests what a [service.Store] must do: what is committed is there for
// whoever opens it next, all of it or nothing; one at a time has it open; and of
// what many commit at once each is seen whole. Open gives the store, which is empty
// at first, each time with what the earlier ones have left, as
// [service.Config].Store does.
func TestStore(t *testing.T, open func(context.Context) (service.Store, error)) {
	t.Helper()
	newStoreTest(t, open).all()
}

func newStoreTest(t *testing.T, open func(context.Context) (service.Store, error)) *storeTest {
	return &storeTest{T: t, open: open, want: map[service.Table]map[string]string{}}
}

// all tests all of it.
func (c *storeTest) all() {
	c.Helper()
	c.reopen()
	defer c.close()
	c.holds("at first")
	c.alone()
	c.changes()
	c.large()
	c.reads()
	c.ended()
	c.many()
	c.reopen()
	c.holds("when it is opened again")
}

type storeTest struct {
	*testing.T
	open  func(context.Context) (service.Store, error)
	store service.Store
	want  map[service.Table]map[string]string
}

// is compares an error with the one that is wanted.
func (c *storeTest) is(err, want error, when string) {
	c.Helper()
	if !errors.Is(err, want) && (want != errAny || err == nil) {
		c.Errorf("%s: the error is %v, not %v", when, err, want)
	} else if err != nil && strings.Contains(err.Error(), "\n") {
		c.Errorf("%s: the error is of more than one line: %q", when, err)
	}
}

// close ends the use of the store.
func (c *storeTest) close() {
	c.Helper()
	if c.store != nil {
		c.is(c.store.Close(), nil, "close")
	}
	c.store = nil
}

// reopen ends the use of the store and opens it again.
func (c *storeTest) reopen() {
	c.Helper()
	c.close()
	store, err := c.open(c.Context())
	if err != nil {
		c.Fatalf("open: %v", err)
	}
	c.store = store
}

// commit makes changes, which are wanted from now on.
func (c *storeTest) commit(list ...service.Change) {
	c.Helper()
	c.is(c.store.Commit(c.Context(), list), nil, "commit")
	c.wants(list)
}

// wants notes that changes are made.
func (c *storeTest) wants(list []service.Change) {
	for _, change := range list {
		table := c.want[change.Table]
		if table == nil {
			table = map[string]string{}
			c.want[change.Table] = table
		}
		if change.Value == nil {
			delete(table, change.Key)
		} else {
			table[change.Key] = string(change.Value)
		}
	}
}

// holds compares all entries with those wanted.
func (c *storeTest) holds(when string) {
	c.Helper()
	for _, table := range service.Tables() {
		var keys []string
		err := c.store.Read(c.Context(), table, func(key string, value []byte) error {
			keys = append(keys, key)
			if want, ok := c.want[table][key]; !ok || want != string(value) {
				c.Errorf("%s: %s has %.40q with a value of %d bytes, which nobody has put there", when, table, key, len(value))
			}
			return nil
		})
		c.is(err, nil, when+": read")
		if want := slices.Sorted(maps.Keys(c.want[table])); !slices.Equal(keys, want) {
			c.Errorf("%s: %s has the keys %.200q, not %.200q", when, table, keys, want)
		}
	}
}

// alone has a second one open what is open.
func (c *storeTest) alone() {
	second, err := c.open(c.Context())
	c.is(err, service.ErrLocked, "open what is open")
	if err == nil {
		second.Close()
	}
	for _, table := range service.Tables() {
		c.commit(service.Change{Table: table, Key: "of", Value: []byte(table)})
	}
	c.holds("after another one was refused")
	c.is(c.store.Close(), nil, "close")
	c.is(c.store.Commit(c.Context(), []service.Change{{Table: service.Tables()[0], Key: "closed", Value: []byte("x")}}), errAny, "commit to what is closed")
	c.is(c.store.Read(c.Context(), service.Tables()[0], func(string, []byte) error { return nil }), errAny, "read what is closed")
	c.store = nil
	c.reopen()
	c.holds("after it was closed")
}

// errAny stands for any error.
var errAny = errors.New("any error")

// changes are made in their order, whatever the keys are.
func (c *storeTest) changes() {
	table, other := service.Tables()[0], service.Tables()[1]
	put := func(key, value string) service.Change {
		return service.Change{Table: table, Key: key, Value: []byte(value)}
	}
	remove := func(key string) service.Change { return service.Change{Table: table, Key: key} }
	c.commit()
	c.commit(remove("never there"))
	c.commit(put("a", "1"), put("a", "2"), put("b", "1"), remove("b"), remove("c"), put("c", "1"), put("empty", ""))
	c.holds("after one commit")
	c.commit(put("a", "3"), remove("c"), service.Change{Table: other, Key: "a", Value: []byte("other")})
	c.commit(remove("empty"), put("empty", ""))
	c.commit(put("\x00", "zero"), put("\xff\xfe", "high"), put("\x80", "no text"), put("a\x00b", "in it"), put("Z", "z"), put("ü", "two bytes"), put("a ", "blank"))
	c.holds("after odd keys")
	c.reopen()
	c.holds("when it is opened again")
}

// large values and many entries are taken.
func (c *storeTest) large() {
	table := service.Tables()[3]
	list := []service.Change{{Table: table, Key: "large", Value: bytes.Repeat([]byte("0123456789abcde\x00"), 8<<16)}}
	for i := range 5000 {
		list = append(list, service.Change{Table: table, Key: fmt.Sprintf("many %d", i), Value: []byte{byte(i), byte(i >> 8)}})
	}
	c.commit(list...)
	c.holds("after a large commit")
	for i := range list {
		list[i].Value = nil
	}
	c.commit(list...)
	c.holds("after a large one was taken back")
}

// reads come in order and end where they are told to.
func (c *storeTest) reads() {
	table := service.Tables()[0]
	stop := errors.New("that is enough")
	seen := 0
	c.is(c.store.Read(c.Context(), table, func(string, []byte) error { seen++; return stop }), stop, "read until an error")
	if seen != 1 {
		c.Errorf("read gave %d entries after an error", seen-1)
	}
	keys := []string{"nothing", "a", "empty", "a", "\xff\xfe", "", "Z"}
	var got []string
	err := c.store.Get(c.Context(), table, keys, func(key string, value []byte) error {
		got = append(got, key)
		want, ok := c.want[table][key]
		if ok != (value != nil) || want != string(value) {
			c.Errorf("get gives %q for %q, not %q", value, key, want)
		}
		return nil
	})
	c.is(err, nil, "get")
	if !slices.Equal(got, keys) {
		c.Errorf("get gives %q, not %q", got, keys)
	}
	c.is(c.store.Get(c.Context(), table, nil, func(string, []byte) error { return stop }), nil, "get nothing")
	c.is(c.store.Get(c.Context(), table, keys, func(string, []byte) error { return stop }), stop, "get until an error")
}

// ended has a commit begin when its context has ended: it is made or not.
func (c *storeTest) ended() {
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	change := service.Change{Table: service.Tables()[0], Key: "late", Value: []byte("x")}
	if c.store.Commit(ctx, []service.Change{change}) == nil {
		c.want[change.Table][change.Key] = "x"
	}
	c.holds("after a commit whose context had ended")
}

// many commit at once, while others read.
func (c *storeTest) many() {
	table := service.Tables()[2]
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				values := map[string]string{}
				err := c.store.Read(c.Context(), table, func(key string, value []byte) error {
					values[key] = string(value)
					return nil
				})
				c.is(err, nil, "read while others commit")
				for i := range 4 {
					if left, right := values[fmt.Sprintf("left %d", i)], values[fmt.Sprintf("right %d", i)]; left != right {
						c.Errorf("half of a commit was seen: %q and %q", left, right)
					}
				}
			}
		})
	}
	for i := range 4 {
		writers.Go(func() {
			for n := range 25 {
				value := fmt.Append(nil, n)
				c.is(c.store.Commit(c.Context(), []service.Change{
					{Table: table, Key: fmt.Sprintf("left %d", i), Value: value}, {Table: table, Key: fmt.Sprintf("right %d", i), Value: value},
				}), nil, "commit beside others")
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	for i := range 4 {
		c.want[table][fmt.Sprintf("left %d", i)] = "24"
		c.want[table][fmt.Sprintf("right %d", i)] = "24"
	}
	c.holds("after many commits at once")
}
