// Package rstuf is the vocabulary of RSTUF, the Repository Service for TUF, as
// it stands on the wire: roles and settings, the bootstrap payload, artifacts,
// delegations, tasks with their states and results, and the shapes of errors.
//
// The packages beside it do the work:
//
//   - keys makes, loads and saves keys and signs with them,
//   - metadata holds signed TUF documents byte for byte,
//   - ceremony turns a policy and people's signatures into a root,
//   - bootstrap reads, checks and sends the payload that starts a repository,
//   - client drives the API of any RSTUF deployment,
//   - repository reads and verifies what was published,
//   - service is a whole RSTUF in one process, and rstuftest one for tests.
//
// Requests ([BootstrapPayload], [AddArtifacts], [Delegations] and so on) have a
// Validate method with one [FieldError] for each rule of the API that they
// break; [Decode] reads a request body and reports what is wrong with it in the
// same form, which is also the form of the API's own 422 answers.
// What the service answers is decoded tolerantly: fields that this package does
// not know are kept, and the oddities of real deployments (a Python list
// printed as a string, an object in place of an empty list) are understood.
//
// The package needs nothing but the standard library and does no I/O.
package rstuf
