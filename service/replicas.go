package service

import "context"

// Shared is where replicas meet: one publishes at a time, and all of them accept
// requests and answer for what was accepted and published. Each replica may have one of
// its own that leads to the same place. Package service/postgres has one.
// rstuftest.TestShared tests all of this.
type Shared interface {
	// Open takes the right to publish, as Config.Store does: the error is [ErrLocked]
	// while another replica has it. Close of its Store gives the right back at once, and
	// changes nothing if it is called again; that of a replica that died, or is cut off,
	// ends by itself. The Store is [Failing] too: soon after another replica has the
	// right in its place the error is [ErrLost], also if it commits nothing. Its commits
	// are ErrLost from then on, and its Close takes nothing from the other.
	Open(ctx context.Context) (Store, error)
	// Join opens what all replicas may do, beside whoever publishes or nobody.
	Join(ctx context.Context) (Joined, error)
}

// Joined is what a replica may do at any time, whoever publishes. All methods may be
// called by several goroutines at once, Wait by one, but none by the functions that
// are given to them. What was committed or accepted, by any replica, before one is
// called is seen by it. With a context that has ended they do nothing and return its
// error. While the place can't be reached they return an error, or wait as Accept does,
// and go on by themselves when it can be: nobody has to join again. One that is
// [Failing] too says in /readyz when it would accept nothing.
type Joined interface {
	// View calls f with the entries of some tables, all as they are at one moment, in
	// the order of the tables that are named and of their keys (as bytes), until f
	// returns an error, which it returns. It returns the Version of that moment. The
	// value is f's during the call alone.
	View(ctx context.Context, tables []Table, f func(table Table, key string, value []byte) error) (version string, err error)
	// Get is as that of [Store].
	Get(ctx context.Context, table Table, keys []string, f func(key string, value []byte) error) error
	// Keys are the keys of a table, in their order.
	Keys(ctx context.Context, table Table) ([]string, error)
	// Number is higher than every number that any replica was given before the call,
	// and than the microseconds from 1970 until it was joined: a service that had the
	// store for itself has counted less than that.
	Number(ctx context.Context) (uint64, error)
	// Accept adds entries, each with a value and a key that its table does not have:
	// all of them or, with an error, none, neither now nor later, and none in the place
	// of another. Of several who add the same key at once one does. It waits for nobody
	// who publishes. Once it returns nil they survive a loss of power. Without an answer
	// it goes on asking how it ended, as [Store].Commit does, also when its context has
	// ended meanwhile: only of an error that is [ErrLost] nobody knows, and what it was
	// asked may then be asked again.
	Accept(ctx context.Context, entries []Change) error
	// Version is one that was never before after each commit of whoever publishes, and
	// stays as it is while nobody accepts, commits or takes the right to publish. What
	// is accepted need not change it.
	Version(ctx context.Context) (string, error)
	// Wait returns when somebody may have accepted something, committed something or
	// closed what Open gave since the call before it: within half a second as a rule,
	// and in any case within about a second; and with the context's error when that
	// ends. While nothing happens it does not return all the time.
	Wait(ctx context.Context) error
	// Close ends the use of it, and a call of Wait that is under way with an error. What
	// is called later returns one too, but for Close. What it has accepted stays.
	Close() error
}
