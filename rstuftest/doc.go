// Package rstuftest gives tests a whole RSTUF: an embedded service, its root
// and keys, a client, and a server for metadata and artifacts, on loopback
// ports, bootstrapped, in a few milliseconds.
//
// Start with [New], which needs nothing but the test. Everything ends with the
// test; any number of repositories may run at once.
package rstuftest
