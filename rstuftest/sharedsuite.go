package rstuftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"example.org/rstuf/service"
)

// TestShared tests what a [service.Shared] must do: all that [TestStore] does, beside
// it what replicas accept, number and read, who of them may publish, and how they learn
// of each other. Open gives the place where they meet as one more replica has it. It is
// empty at first, and no other use is made of it meanwhile.
func TestShared(t *testing.T, open func() service.Shared, faults SharedFaults) {
	t.Helper()
	c := &sharedTest{meet: open, faults: faults}
	c.storeTest = newStoreTest(t, func(ctx context.Context) (service.Store, error) { return open().Open(ctx) })
	defer c.close()
	for _, part := range []func(){
		c.first, c.all, c.accepts, c.published, c.readsOfReplicas, c.ends, c.atOnce, c.sameKey, c.numbers, c.versions,
		c.handOver, c.waits, c.breaks, c.leaves, c.anew,
	} {
		if part(); t.Failed() {
			return // what follows builds on it
		}
	}
}

// SharedFaults are what may happen to the place that [TestShared] tests. One that is nil
// is not tested.
type SharedFaults struct {
	// Depose ends the right to publish of whoever has it, as if it had been held for
	// long: another one may have it from then on.
	Depose func()
	// LoseAnswer has no answer come to the next Accept of an entry with a key, whether
	// what was asked arrives or not.
	LoseAnswer func(key string)
	// SetAway has no replica reach the place, or all of them again.
	SetAway func(away bool)
}

type sharedTest struct {
	*storeTest
	meet   func() service.Shared
	faults SharedFaults
	joined []service.Joined
}

// Bounds on time: of what must not take as long as one would be without news, tried so
// often since a machine may be busy; and of what would never end.
const (
	soon  = 500 * time.Millisecond
	tries = 3
	never = 20 * time.Second
)

// entry is one with a value of its own.
func entry(table service.Table, key string) service.Change {
	return service.Change{Table: table, Key: key, Value: []byte("of " + key)}
}

// join adds a replica.
func (c *sharedTest) join() service.Joined {
	c.Helper()
	joined, err := c.meet().Join(c.Context())
	if err != nil {
		c.Fatalf("join: %v", err)
	}
	c.Cleanup(func() { joined.Close() }) // if the test ends before
	if failing, ok := joined.(service.Failing); ok {
		c.eventually(func() bool { return failing.Err() == nil }, "it says that it would accept nothing")
	}
	c.joined = append(c.joined, joined)
	return joined
}

// accept accepts entries, which are wanted from now on.
func (c *sharedTest) accept(joined service.Joined, entries ...service.Change) {
	c.Helper()
	c.is(joined.Accept(c.Context(), entries), nil, "accept")
	c.wants(entries)
}

// holds compares all entries with those wanted, as all see them.
func (c *sharedTest) holds(when string) {
	c.Helper()
	if c.store != nil {
		c.storeTest.holds(when + ", to whom publishes")
	}
	for i, joined := range c.joined {
		c.sees(joined, fmt.Sprintf("%s, to replica %d", when, i))
	}
}

// place is that of an entry.
type place struct {
	table service.Table
	key   string
}

// sees compares all entries with those wanted, as a replica sees them.
func (c *sharedTest) sees(joined service.Joined, when string) {
	c.Helper()
	tables := service.Tables()
	slices.Reverse(tables)
	var got, want []place
	version, err := joined.View(c.Context(), tables, func(table service.Table, key string, value []byte) error {
		got = append(got, place{table, key})
		c.value(table, key, value, when+": view")
		return nil
	})
	c.is(err, nil, when+": view")
	for _, table := range tables {
		keys := slices.Sorted(maps.Keys(c.want[table]))
		for _, key := range keys {
			want = append(want, place{table, key})
		}
		listed, err := joined.Keys(c.Context(), table)
		c.is(err, nil, when+": keys")
		if !slices.Equal(listed, keys) {
			c.Errorf("%s: the keys of %s are %.200q, not %.200q", when, table, listed, keys)
		}
		keys = append(keys, "nothing")
		c.is(joined.Get(c.Context(), table, keys, func(key string, value []byte) error {
			c.value(table, key, value, when+": get")
			return nil
		}), nil, when+": get")
	}
	if !slices.Equal(got, want) {
		c.Errorf("%s: the view is of %.200q, not %.200q", when, got, want)
	}
	if now := c.version(joined); now != version {
		c.Errorf("%s: the version is %q, and of the view it was %q", when, now, version)
	}
}

// value compares that of one entry, nil if there is none, with what is wanted.
func (c *sharedTest) value(table service.Table, key string, value []byte, when string) {
	c.Helper()
	if want, ok := c.want[table][key]; ok != (value != nil) || want != string(value) {
		c.Errorf("%s: %s has at %.40q %.40q, not %.40q", when, table, key, value, want)
	}
}

func (c *sharedTest) version(joined service.Joined) string {
	c.Helper()
	version, err := joined.Version(c.Context())
	c.is(err, nil, "version")
	return version
}

// eventually waits until something is so.
func (c *sharedTest) eventually(is func() bool, otherwise string) {
	c.Helper()
	for began := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(began) > never {
			c.Fatalf("%s, still after %s", otherwise, never)
		}
	}
}

// refused has one more replica try to publish while one does.
func (c *sharedTest) refused(when string) {
	c.Helper()
	second, err := c.meet().Open(c.Context())
	c.is(err, service.ErrLocked, when+": open what is open")
	if err == nil {
		second.Close()
	}
}

// accepts of several replicas, while nobody publishes, are seen by all of them, whole
// or not at all.
func (c *sharedTest) accepts() {
	one, other := service.Tables()[3], service.Tables()[4]
	a, b := c.join(), c.join()
	c.holds("before anything is accepted")
	c.accept(a)
	c.accept(a, entry(one, "by a"))
	c.holds("after one entry")
	c.accept(b, entry(one, "by b"), entry(other, "by b"), entry(other, "\x00\xff"), service.Change{Table: one, Key: "empty", Value: []byte{}})
	c.holds("after several")
	for i, refused := range [][]service.Change{
		{entry(one, "new"), {Table: one, Key: "by a", Value: []byte("another")}},
		{{Table: other, Key: "by b", Value: []byte("of by b")}, entry(one, "new")},
		{entry(one, "new"), {Table: one, Key: "by a"}},
		{{Table: one, Key: "no value"}, entry(one, "new")},
	} {
		when := fmt.Sprintf("what can't be accepted, %d", i)
		err := c.joined[i%2].Accept(c.Context(), refused)
		c.is(err, errAny, when)
		if errors.Is(err, service.ErrLost) {
			c.Errorf("%s: the error is ErrLost, as if nobody knew", when)
		}
		c.holds("after " + when)
	}
	value := bytes.Repeat([]byte("0123456789abcde\x00"), 1<<16)
	c.accept(a, service.Change{Table: one, Key: "large", Value: value})
	clear(value) // it is the caller's again
	c.accept(b, entry(one, "new"))
	c.holds("after a large one")
	c.join()
	c.holds("to one that joins later")
}

// published is what was accepted: who publishes sees it, and in one commit it is gone
// from one table and in another.
func (c *sharedTest) published() {
	one, other := service.Tables()[3], service.Tables()[5]
	c.reopen()
	c.holds("when it was accepted before")
	c.accept(c.joined[0], entry(one, "beside"))
	c.holds("when it was accepted beside")
	c.commit(service.Change{Table: one, Key: "beside"}, entry(other, "beside"), service.Change{Table: one, Key: "large"})
	c.holds("once it is published")
}

// readsOfReplicas come in order and end where they are told to.
func (c *sharedTest) readsOfReplicas() {
	joined, table := c.joined[0], service.Tables()[3]
	stop := errors.New("that is enough")
	seen := 0
	_, err := joined.View(c.Context(), service.Tables(), func(service.Table, string, []byte) error { seen++; return stop })
	c.is(err, stop, "view until an error")
	c.is(joined.Get(c.Context(), table, []string{"by a", "by b"}, func(string, []byte) error { seen++; return stop }), stop, "get until an error")
	if seen != 2 {
		c.Errorf("a view and a get gave %d entries after an error", seen-2)
	}
	version, err := joined.View(c.Context(), nil, func(service.Table, string, []byte) error { return stop })
	c.is(err, nil, "view of no table")
	if want := c.version(joined); version != want {
		c.Errorf("a view of no table has the version %q, not %q", version, want)
	}
	keys := []string{"by b", "nothing", "by a", "by b", ""}
	var got []string
	c.is(joined.Get(c.Context(), table, keys, func(key string, value []byte) error {
		got = append(got, key)
		c.value(table, key, value, "get in an order of its own")
		return nil
	}), nil, "get")
	if !slices.Equal(got, keys) {
		c.Errorf("get gives %q, not %q", got, keys)
	}
}

// anew has all replicas end and others begin.
func (c *sharedTest) anew() {
	c.close()
	for _, joined := range c.joined {
		c.is(joined.Close(), nil, "close what was joined")
	}
	c.joined = nil
	c.join()
	c.reopen()
	c.holds("when all is opened again")
}
