package rstuftest

import (
	"context"
	"errors"
	"fmt"

	"example.org/rstuf/service"
)

// Who publishes, and what becomes of replicas when something breaks.

// handOver has one publish after the other, at once.
func (c *sharedTest) handOver() {
	table := service.Tables()[0]
	first := c.store
	c.refused("beside one that publishes")
	c.commit(entry(table, "by the first"))
	c.close()
	c.accept(c.joined[0], entry(service.Tables()[3], "between two"))
	c.reopen()
	c.holds("when it was handed over")
	c.is(first.Close(), nil, "close again")
	c.is(first.Commit(c.Context(), []service.Change{entry(table, "closed")}), errAny, "commit to what was handed over")
	c.refused("after the one before was closed again")
	c.commit(entry(table, "by the second"))
	c.holds("after both")
}

// breaks has happen what can be made to.
func (c *sharedTest) breaks() {
	if c.faults.Depose != nil {
		c.deposed(false)
		c.deposed(true)
	}
	if c.faults.LoseAnswer != nil {
		c.lost()
	}
	if c.faults.SetAway != nil {
		c.away()
	}
}

// deposed has another one publish in the place of one that does not know of it, until it
// commits or, if it does nothing, it notices.
func (c *sharedTest) deposed(idle bool) {
	table := service.Tables()[0]
	first := c.store
	c.store = nil
	c.Cleanup(func() { first.Close() })
	failing, ok := first.(service.Failing)
	if !ok {
		c.Fatalf("%T is no service.Failing: who publishes and does nothing would not notice that another one does", first)
	}
	c.eventually(func() bool { return failing.Err() == nil }, "it says that it would commit nothing")
	c.eventually(func() bool { // one that is quick has its right again before another one comes
		c.faults.Depose()
		store, err := c.meet().Open(c.Context())
		if err != nil {
			c.is(err, service.ErrLocked, "open what is deposed")
		}
		c.store = store
		return err == nil
	}, "nobody may publish in the place of one that was deposed")
	late := func(when string) {
		c.is(first.Commit(c.Context(), []service.Change{entry(table, "late"), {Table: table, Key: "by the next"}}), service.ErrLost, when)
	}
	if !idle {
		late("commit of one that was deposed")
	}
	c.eventually(func() bool { return errors.Is(failing.Err(), service.ErrLost) }, "one that was deposed does not say so")
	c.commit(entry(table, "by the next"))
	c.holds("of the next")
	late("commit of one that was deposed, beside the next")
	c.close()
	late("commit of one that was deposed, when the next has ended")
	c.reopen()
	c.is(first.Close(), nil, "close one that was deposed")
	c.refused("after one that was deposed is closed")
	c.holds("after one that was deposed")
}

// lost has answers not come: what is accepted all the same is there once, and only that.
func (c *sharedTest) lost() {
	joined, one, other := c.joined[0], service.Tables()[3], service.Tables()[4]
	for n := range 2 {
		key := fmt.Sprintf("lost answer %d", n)
		entries := []service.Change{entry(one, key), entry(other, key)}
		c.faults.LoseAnswer(key)
		err := joined.Accept(c.Context(), entries)
		if err != nil {
			c.is(err, service.ErrLost, "accept without an answer")
		}
		there := false
		c.is(c.joined[1].Get(c.Context(), one, []string{key}, func(_ string, value []byte) error {
			there = value != nil
			return nil
		}), nil, "get")
		if err == nil && !there {
			c.Errorf("what was acknowledged is not there")
		}
		if there {
			c.wants(entries)
		}
		c.holds("after an answer was lost")
		if err := joined.Accept(c.Context(), entries); (err == nil) == there {
			c.Errorf("accept again what has no answer, which is there (%t): the error is %v", there, err)
		}
		c.wants(entries)
		c.holds("after it was asked again")
	}
}

// away has no replica reach the place for a while: what is asked is an error, and all
// goes on by itself.
func (c *sharedTest) away() {
	c.close()
	joined := c.joined[0]
	failing, fails := joined.(service.Failing)
	c.faults.SetAway(true)
	entries := []service.Change{entry(service.Tables()[3], "while away"), entry(service.Tables()[4], "while away")}
	accepted := make(chan error, 1)
	go func() { accepted <- joined.Accept(c.Context(), entries) }()
	for name, call := range c.calls(joined) {
		c.is(call(c.Context()), errAny, name+" while it is away")
	}
	_, err := c.meet().Open(c.Context())
	c.is(err, errAny, "open while it is away")
	if errors.Is(err, service.ErrLocked) {
		c.Errorf("open while it is away: the error is ErrLocked, as if another one were known to publish")
	}
	_, err = c.meet().Join(c.Context())
	c.is(err, errAny, "join while it is away")
	if fails {
		c.eventually(func() bool { return failing.Err() != nil }, "it does not say that it would accept nothing")
	}
	ctx, cancel := context.WithTimeout(c.Context(), never)
	defer cancel()
	for range 2 { // the first may be of what happened before
		_ = joined.Wait(ctx)
	}
	c.is(ctx.Err(), nil, "wait while it is away")
	c.faults.SetAway(false)
	for _, joined := range c.joined {
		for name, call := range c.calls(joined) {
			c.eventually(func() bool { return call(c.Context()) == nil }, name+" is an error when it is back")
		}
	}
	if fails {
		c.eventually(func() bool { return failing.Err() == nil }, "it says that it would accept nothing when it is back")
	}
	switch err := <-accepted; {
	case err == nil:
		c.wants(entries)
	case errors.Is(err, service.ErrLost):
		c.Errorf("accept while it is away: the error is ErrLost, as if nobody knew: %v", err)
	}
	c.accept(joined, entry(service.Tables()[3], "back"))
	c.reopen()
	c.holds("when it is back")
}

// leaves has one replica be closed while it waits: what it has accepted stays, and the
// others go on.
func (c *sharedTest) leaves() {
	table := service.Tables()[3]
	joined := c.join()
	c.joined = c.joined[:len(c.joined)-1]
	c.accept(joined, entry(table, "by one that leaves"))
	ctx, cancel := context.WithTimeout(c.Context(), never)
	defer cancel()
	waited := make(chan error, 1)
	go func() {
		for {
			if err := joined.Wait(ctx); err != nil {
				waited <- err
				return
			}
		}
	}()
	c.is(joined.Close(), nil, "close what was joined")
	c.is(<-waited, errAny, "wait for what is closed")
	c.is(ctx.Err(), nil, "wait for what is closed")
	c.is(joined.Close(), nil, "close again what was joined")
	calls := c.calls(joined)
	calls["accept"] = func(ctx context.Context) error {
		return joined.Accept(ctx, []service.Change{entry(table, "closed")})
	}
	calls["wait"] = joined.Wait
	for name, call := range calls {
		c.is(call(c.Context()), errAny, name+" when it is closed")
	}
	c.accept(c.joined[0], entry(table, "by one that stays"))
	c.commit(entry(table, "by one that publishes"))
	c.holds("after one has left")
}
