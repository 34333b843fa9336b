// Package enginetest runs package vault against the transit engine of
// HashiCorp Vault 1.14, the last release under the Mozilla Public License. The
// engine is the real one, with its storage in memory; the HTTP front before it
// is the test's. It is a module of its own, so that nothing else has to do
// with the engine's dependencies.
package enginetest
