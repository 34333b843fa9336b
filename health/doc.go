// Package health says how a repository is: what ends when, who has to sign
// what, which keys may be lost, what changed from one root to the next, and which
// TUF clients can read it. It looks at what is published, and at the API of the
// deployment where there is one.
//
// Start with [Examine]:
//
//	report := health.Examine(ctx, health.Config{Reader: reader, API: api})
//	for _, finding := range report.Findings {
//		fmt.Println(finding)
//	}
//
// A [Report] is plain data, to be printed, kept or sent as JSON. What is not as
// it should be is a [Finding], with a code that does not change ([Codes] lists
// them) and what to do. What is alarming is data too: a [Policy].
//
// [Watch] tells what happens from one look to the next, in the words of package
// [example.org/rstuf/health/event].
//
// # What the package promises
//
// A report is always given. What could not be looked at stands in
// [Report.NotSeen], with the reason; half a repository, one that has expired, an
// API that refuses or answers nonsense are reported as far as they can be seen.
// Examine ends with its context, and after [Config].Timeout at the latest. It
// changes nothing.
//
// What a report says of metadata was verified from the trusted root on, unless it
// says otherwise ([Role].Verified). A report is bounded, however many roles, keys
// and findings there are: hash bins are one sum, and of long lists the first
// entries are listed and the others counted. Names and messages of strangers are
// cut, and stand in the fields as they are: [Finding.String] quotes them, and so
// must whoever prints them otherwise.
//
// What the clients can read is told from their sources, of the releases that
// [Client] names, not found out by running them.
package health
