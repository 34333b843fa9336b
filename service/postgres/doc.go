// Package postgres keeps what a service has accepted and decided in PostgreSQL, in
// place of the file state.db.
//
// Start with [New]: it takes a pool of pgx, which knows address, credentials and TLS
// already, and gives a [Database]. That is service.Config.Replicas, for several
// services that accept at once, of which one publishes; or its method [Database.Open]
// is service.Config.Store, for one at a time.
//
// What it promises:
//
//   - What was acknowledged is committed with synchronous_commit on: a server on
//     which it is off, or local, is refused.
//   - One service at a time publishes. A row of the schema, the lease, says which: it
//     has an epoch, which grows with each service that takes it, a count of the
//     commits, and an end by PostgreSQL's own clock. A service renews it while it
//     runs, and gives it back when it is closed. Another one is refused
//     (service.ErrLocked) until the lease has ended, which is [Config.Lease] after
//     the death of its holder, or stays a replica that accepts.
//   - Each commit is one statement that changes the lease's row, if epoch and count
//     are those that the service knows, together with what it stores. So a service
//     that was paused, and wakes when another has taken over, commits nothing
//     ([ErrLost]); one whose lease has ended while nobody else wanted it goes on.
//   - Replicas accept beside whoever publishes and beside each other. Each has a row
//     of its own with such a count, and accepts in one statement with it: it needs
//     no lease, and waits for nobody's lock. A sequence numbers requests, so that what
//     was acknowledged comes before what is asked for later, wherever.
//   - They are told by NOTIFY of what is accepted and committed and of the end of a
//     lease, and look for it themselves every second, or third of the lease.
//   - A commit whose answer was lost, since the connection broke, is looked up under
//     the lock of the same row, and what was not committed by then never will be. The
//     service waits for that until the server is there again. An answer counts only
//     once the server has said that the commit is made.
//   - Each change is one statement, and so is taking the lease: nothing has a lock
//     while a client thinks. A session in which a commit has arrived without its end,
//     since its process was held or cut off, is ended by whoever wants the lock.
//   - A database that goes back while the service runs, by a failover to a standby
//     that was behind or by a restore, is noticed at the next commit ([ErrBack]). At a
//     start the service compares the files with the database, as it does with
//     state.db.
//   - The schema is made, and brought up to date, when it is opened, under a lock. One
//     that a newer release has made is refused ([ErrNewer]).
//   - A standby, and a pooler that gives each transaction another connection, are
//     refused. A pooler that keeps the connection of a session is not.
//
// The role needs CREATE on the database, or a schema that it owns. Several
// repositories share a database, each in a schema of its own; no two may have one
// storage of metadata files. The pool must allow two connections at least; four are
// enough for one service, and a replica that many ask at once answers sooner with
// ten. A replica listens on one more. A connection that gives no answer in ten seconds, and
// for a commit a second more for each megabyte, is dropped with all others of the
// pool, and sooner if it is the one that listens. The roles of services that share a
// schema should be one: they end each other's sessions.
//
// Back up the database and the metadata files so that the files are not older than
// the database: the database first, then the files. Otherwise a start says what is
// missing.
package postgres
