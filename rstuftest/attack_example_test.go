package rstuftest_test

import (
	"fmt"

	"example.org/rstuf/rstuftest"
)

// ExampleAttacks lists the attacks with the section of the TUF specification that
// says what a client must do.
func ExampleAttacks() {
	for _, attack := range rstuftest.Attacks() {
		fmt.Printf("%-8.8s%s\n", attack.Section, attack)
	}
	// Output:
	// 5.4.3.1 rollback of the timestamp
	// 5.4.3.2 rollback of the snapshot
	// 5.5.5   rollback of targets
	// 5.5.5   role taken out of the snapshot
	// 5.4.4   freeze
	// 5.5.6   freeze of the snapshot
	// 5.3.10  freeze of root
	// 5.3.11  fast-forward
	// 5.5.4   mix and match of the snapshot
	// 5.6.4   mix and match of targets
	// 5.7.3   wrong software
	// 5.4.1   endless timestamp
	// 5.3.3   endless root
	// 5.7.3   endless artifact
	// 5.4.1   compressed bomb for a timestamp
	// 5.7.3   compressed bomb for an artifact
	//         slow retrieval of the timestamp
	//         slow retrieval of an artifact
	//         redirect of metadata that carries credentials away
	//         redirect of artifacts that carries credentials away
	// 5.4.2   metadata signed by strangers
	// 5.3.4   root signed by strangers
	// 5.3.4   root signed for itself alone
	// 5.3.3   intermediate root withheld
	// 5.3.5   intermediate root skipped
	// 5.3.5   root of the same version again
	// 5.3.4   threshold faked by duplicate signatures
	// 5.3.4   threshold faked by foreign key ids
	// 4.3     threshold faked by duplicate keys
	// 5.6.3   role signed by a key of another role
	// 5.3.4   revoked key
	// 5.6.7.1 cycle of delegations
	// 5.6.7.1 flood of delegations
	// 4.5     artifact whose name leaves the folder
	// 4.5     role whose name leaves the folder
}

// ExampleFaults lists the faults that publishers meet. Those that pass hit the
// first requests alone.
func ExampleFaults() {
	for _, fault := range rstuftest.Faults() {
		fmt.Println(fault.Passes, fault)
	}
	// Output:
	// true answer lost
	// true answer cut off
	// true request lost
	// true internal server error
	// true bad gateway
	// true service unavailable
	// true too many requests
	// true states out of order
	// false web page in place of the API
	// false API down
	// false task that never ends
	// false task that nobody knows
	// false worker that dies
	// false task that fails
	// false success that has done nothing
}
