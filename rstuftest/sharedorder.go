package rstuftest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.org/rstuf/service"
)

// What many replicas do at once, and in which order others see it.

// first has several try to publish at once in a place that nobody has used.
func (c *sharedTest) first() {
	stores, errs := make([]service.Store, 8), make([]error, 8)
	var all sync.WaitGroup
	for i := range stores {
		shared := c.meet()
		all.Go(func() { stores[i], errs[i] = shared.Open(c.Context()) })
	}
	all.Wait()
	opened := 0
	for i, err := range errs {
		if err != nil {
			c.is(err, service.ErrLocked, "open at once")
			continue
		}
		opened++
		c.is(stores[i].Close(), nil, "close")
	}
	if opened != 1 {
		c.Errorf("of eight who open it at once %d may publish, and not one alone", opened)
	}
}

// atOnce has many accept through several replicas beside commits, while others look.
func (c *sharedTest) atOnce() {
	w := &watched{sharedTest: c, tables: []service.Table{service.Tables()[3], service.Tables()[4], service.Tables()[1]}, turn: make(chan struct{}, 1)}
	c.commit(w.changes()...)
	done := make(chan struct{})
	running := func() bool {
		select {
		case <-done:
			return false
		default:
			return true
		}
	}
	var beside, writers sync.WaitGroup
	beside.Go(func() {
		for running() {
			select {
			case <-w.turn:
				w.commits.Add(1)
				c.is(c.store.Commit(c.Context(), w.changes()), nil, "commit beside others")
				w.made.Store(w.commits.Load())
			case <-done:
			}
		}
	})
	for _, joined := range c.joined {
		beside.Go(func() {
			for seen := map[string]string{}; running(); {
				w.look(joined, seen)
			}
		})
	}
	for by := range 6 {
		joined := c.joined[by%len(c.joined)]
		var mine [][]service.Change
		for n := range 25 {
			key := fmt.Sprintf("at once %d %d", by, n)
			mine = append(mine, []service.Change{entry(w.tables[0], key), entry(w.tables[1], key)})
			c.wants(mine[n])
		}
		writers.Go(func() {
			for _, entries := range mine {
				c.is(joined.Accept(c.Context(), entries), nil, "accept beside others")
			}
		})
	}
	writers.Wait()
	close(done)
	beside.Wait()
	c.wants(w.changes())
	c.holds("after many at once")
}

// watched is what others look at: entries that are accepted, with one key in the first
// table and the second, and commits of two in the third.
type watched struct {
	*sharedTest
	tables        []service.Table
	turn          chan struct{} // holds one when somebody begins to look, for a commit meanwhile
	commits, made atomic.Int64  // how many commits were begun, and ended
}

// changes are those of the newest commit: its number, twice.
func (w *watched) changes() []service.Change {
	value := fmt.Append(nil, w.commits.Load())
	return []service.Change{{Table: w.tables[2], Key: "left", Value: value}, {Table: w.tables[2], Key: "right", Value: value}}
}

// look sees of what is written at once all or nothing, and of commits as many as the
// version is of. Seen is what was seen before.
func (w *watched) look(joined service.Joined, seen map[string]string) {
	select {
	case w.turn <- struct{}{}:
	default:
	}
	keys, values := make(map[service.Table][]string), map[string]string{}
	version, err := joined.View(w.Context(), w.tables, func(table service.Table, key string, value []byte) error {
		if table == w.tables[2] {
			values[key] = string(value)
		} else if strings.HasPrefix(key, "at once") {
			keys[table] = append(keys[table], key)
		}
		return nil
	})
	w.is(err, nil, "view beside others")
	made := w.made.Load()
	now := w.version(joined)
	if left, right := fmt.Sprint(keys[w.tables[0]]), fmt.Sprint(keys[w.tables[1]]); left != right {
		w.Errorf("half of what was accepted was seen: %.200s and %.200s", left, right)
	}
	if values["left"] != values["right"] {
		w.Errorf("half of a commit was seen: %q and %q", values["left"], values["right"])
	}
	if before, ok := seen[version]; ok && before != values["left"] {
		w.Errorf("the version %q is of the commits %q and %q", version, before, values["left"])
	}
	seen[version] = values["left"]
	if n, err := strconv.ParseInt(values["left"], 10, 64); err != nil || n < made && now == version {
		w.Errorf("the version %q is still that of a view of the commit %q, after %d", version, values["left"], made)
	}
}

// sameKey has several accept an entry with one key at once: one of them does.
func (c *sharedTest) sameKey() {
	table := service.Tables()[3]
	for n := range 10 {
		key := fmt.Sprintf("same %d", n)
		errs := make([]error, len(c.joined))
		var all sync.WaitGroup
		for i, joined := range c.joined {
			all.Go(func() {
				errs[i] = joined.Accept(c.Context(), []service.Change{{Table: table, Key: key, Value: []byte{byte(i)}}})
			})
		}
		all.Wait()
		accepted := 0
		for i, err := range errs {
			if err == nil {
				accepted++
				c.wants([]service.Change{{Table: table, Key: key, Value: []byte{byte(i)}}})
			}
		}
		if accepted != 1 {
			c.Fatalf("an entry with one key was accepted %d times: %v", accepted, errs)
		}
	}
	c.holds("after one key at once")
}

// numbers are higher than all that were given before they were asked for, also while
// others join, and than what a service alone has counted up to.
func (c *sharedTest) numbers() {
	var highest atomic.Uint64
	highest.Store(uint64(time.Now().Add(-time.Hour).UnixMicro())) // clocks differ
	number := func(joined service.Joined) {
		before := highest.Load()
		n, err := joined.Number(c.Context())
		c.is(err, nil, "number")
		if n <= before {
			c.Errorf("the number %d was given after %d", n, before)
		}
		for before := highest.Load(); n > before && !highest.CompareAndSwap(before, n); {
			before = highest.Load()
		}
	}
	var all sync.WaitGroup
	for _, joined := range c.joined {
		for range 2 {
			all.Go(func() {
				for range 50 {
					number(joined)
				}
			})
		}
		shared := c.meet()
		all.Go(func() {
			joined, err := shared.Join(c.Context())
			c.is(err, nil, "join beside others")
			if err == nil {
				number(joined)
				c.is(joined.Close(), nil, "close what was joined")
			}
		})
	}
	all.Wait()
	for _, joined := range c.joined {
		number(joined)
	}
}

// versions tell each commit from all that were before, whoever has made it, and change
// by nothing but commits and by who publishes.
func (c *sharedTest) versions() {
	seen := map[string]bool{}
	for n := range 6 {
		if n%3 == 2 {
			c.reopen()
		}
		c.commit(entry(service.Tables()[0], "versions"))
		for i, joined := range c.joined {
			version := c.version(joined)
			if key := fmt.Sprint(i, " ", version); seen[key] {
				c.Errorf("after a commit the version %q is one that was before", version)
			} else {
				seen[key] = true
			}
			if again := c.version(joined); again != version {
				c.Errorf("the version has become %q, and was %q, without a commit", again, version)
			}
		}
	}
}

// calls are what a replica may do that asks the place and comes back at once.
func (c *sharedTest) calls(joined service.Joined) map[string]func(context.Context) error {
	table := service.Tables()[3]
	return map[string]func(context.Context) error{
		"view": func(ctx context.Context) error {
			_, err := joined.View(ctx, []service.Table{table}, func(service.Table, string, []byte) error { return nil })
			return err
		},
		"get": func(ctx context.Context) error {
			return joined.Get(ctx, table, []string{"by a"}, func(string, []byte) error { return nil })
		},
		"keys":    func(ctx context.Context) error { _, err := joined.Keys(ctx, table); return err },
		"number":  func(ctx context.Context) error { _, err := joined.Number(ctx); return err },
		"version": func(ctx context.Context) error { _, err := joined.Version(ctx); return err },
	}
}

// ends have contexts end: before something is asked nothing is done, and while
// something is accepted it is or is not.
func (c *sharedTest) ends() {
	joined, table := c.joined[0], service.Tables()[3]
	ended, cancel := context.WithCancel(c.Context())
	cancel()
	calls := c.calls(joined)
	calls["accept"] = func(ctx context.Context) error {
		return joined.Accept(ctx, []service.Change{entry(table, "too late")})
	}
	calls["wait"] = joined.Wait
	calls["join"] = func(ctx context.Context) error { _, err := c.meet().Join(ctx); return err }
	for name, call := range calls {
		c.is(call(ended), context.Canceled, name+" when the context has ended")
	}
	c.close()
	_, err := c.meet().Open(ended)
	c.is(err, context.Canceled, "open when the context has ended")
	c.reopen()
	for n := range 20 {
		entries := []service.Change{entry(table, fmt.Sprintf("ends %d", n)), entry(table, fmt.Sprintf("ends too %d", n))}
		ctx, cancel := context.WithCancel(c.Context())
		go cancel()
		err := joined.Accept(ctx, entries)
		cancel()
		if err == nil {
			c.wants(entries)
		} else if !errors.Is(err, context.Canceled) {
			c.Errorf("accept while the context ends: %v", err)
		}
	}
	c.holds("after contexts have ended")
}
