// Package rstuftest gives tests a whole RSTUF: an embedded service, its root
// and keys, a client, and a server for metadata and artifacts, bootstrapped, in
// a few milliseconds.
//
// Start with [New], which needs nothing but the test. Everything ends with the
// test; any number of repositories may run at once. [Repository.Reader] reads
// what is published as a client does.
//
// # Time
//
// Inside a [testing/synctest] bubble the servers are on a network in memory that
// [Repository.HTTPClient] reaches, and time passes as soon as everything waits:
// 400 days in some seconds. Give the code under test that client; a real
// connection stops the bubble's clock for good. Bubbles begin in the year 2000, so
// that documents made outside have other dates. A bubble holds one test function:
// [testing.T.Run] is called outside, around it.
//
//	synctest.Test(t, func(t *testing.T) {
//		repo := rstuftest.New(t)
//		updater := newUpdater(repo.MetadataURL, repo.HTTPClient())
//		time.Sleep(400 * 24 * time.Hour)
//		// root has expired, and the updater must say so
//	})
//
// Outside a bubble the servers are on loopback ports, and [WithClock] sets the
// clock.
//
// # Attacks and faults
//
// [TestDownloader] runs code that downloads artifacts through ordinary uses and
// through all attacks, given as one function:
//
//	func TestUpdater(t *testing.T) {
//		rstuftest.TestDownloader(t, func(ctx context.Context, q rstuftest.Request) ([]byte, error) {
//			return newUpdater(q.MetadataURL, q.Root, q.Cache, q.HTTPClient).Get(ctx, q.Artifact)
//		}, nil)
//	}
//
// Each attack of [Attacks] is a value that [Attack.Apply] also applies to any
// repository, and undoes. [TestPublisher] and [Faults] are the same for code that
// publishes: an API that loses answers, asks for pauses, or has tasks that never
// end. [TestService] tests whether a service, or what stands in front of one, is
// RSTUF. A bubble has no real connections and no child processes, so the code under
// test must take an [http.Client].
//
// [TestStore], [TestShared] and [TestStorage] test what an embedded service, or several
// replicas of it, can be given to keep its data and files in: a service.Store, Shared or
// Storage of your own.
package rstuftest
