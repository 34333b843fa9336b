package service

import "context"

// Shared is where replicas meet: one publishes at a time, and all of them accept
// requests and answer for what was accepted and published. Package service/postgres
// has one.
type Shared interface {
	// Open takes the right to publish, as Config.Store does: the error is [ErrLocked]
	// while another replica has it.
	Open(ctx context.Context) (Store, error)
	// Join opens what all replicas may do, beside whoever publishes.
	Join(ctx context.Context) (Joined, error)
}

// Joined is what a replica may do at any time, whoever publishes. All methods may be
// called by several goroutines at once, Wait by one, but none by the functions that
// are given to them. What was committed or accepted, by any replica, before one is
// called is seen by it. One that is [Failing] too says in /readyz when it would accept
// nothing.
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
	// Number is higher than every number that any replica was given before the call.
	Number(ctx context.Context) (uint64, error)
	// Accept adds entries whose keys nobody has used: all of them or, with an error,
	// none, neither now nor later. Once it returns nil they survive a loss of power.
	// Without an answer it goes on asking how it ended, as [Store].Commit does: only
	// of an error that is [ErrLost] nobody knows.
	Accept(ctx context.Context, entries []Change) error
	// Version is another one after each commit of whoever publishes. What is accepted
	// need not change it.
	Version(ctx context.Context) (string, error)
	// Wait returns when somebody may have accepted something, committed something or
	// ceased to publish since the call before it, in any case within about a second,
	// and with the context's error when that ends.
	Wait(ctx context.Context) error
	// Close ends the use of it.
	Close() error
}
