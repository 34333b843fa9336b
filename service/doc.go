// Package service is RSTUF in one process: the API, the worker, the stores
// and the metadata server of a deployment as one Go value, for development,
// tests and single hosts.
//
// Start with [Open]: it takes a folder and gives a [Service], whose
// [Service.Handler] is the API (prefix /api/v1) and whose
// [Service.MetadataHandler] serves the metadata files. [Service.Close]
// finishes what was accepted. [OpenReplica] gives one of several services of one
// repository, of which one publishes. [Adopt] takes over what another service has
// published, and [Move] moves a repository to another folder, database or bucket.
// The requests, the answers and the payloads are those of a deployed RSTUF, so
// clients and ceremonies move there unchanged.
//
// What it promises:
//
//   - A request that was answered 202 survives the end of the process and a
//     loss of power: it is on disk before the answer.
//   - One goroutine publishes. It gathers everything that waits into one
//     publication: the changed roles, then snapshot, then timestamp.
//   - Files are durable before timestamp.json names them. After a crash at any
//     instant the repository verifies, and every acknowledged change is
//     published or still queued.
//   - [Config].Events is told what happens, and never holds anything up.
//   - Where it cannot go on (disk full, a missing key, a damaged file) it
//     stops publishing, says why ([Service.Status], the log, the metrics), and
//     tries again.
//
// The signed role files are the store of what is published; an embedded
// database holds what waits, the tasks, and the settings.
package service
