package health_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"example.org/rstuf/client"
	"example.org/rstuf/health"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// Tell what happens to a repository until the context ends; here the reports are
// made up, and a program would have its examine function call [health.Examine].
func ExampleWatch() {
	reports := []*health.Report{
		{Roles: []health.Role{{Name: "root", Version: 1}}},
		{Roles: []health.Role{{Name: "root", Version: 2}}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	examine := func(context.Context) *health.Report {
		next := reports[0]
		reports = reports[1:]
		return next
	}
	for e := range health.Watch(ctx, time.Millisecond, examine) {
		fmt.Println(e.Kind, "-", e.Text)
		cancel()
	}
	// Output: root.changed - root version 2: another root is in effect
}

// Look at a repository, and tell somebody if something is wrong.
func Example() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	repo, err := rstuftest.Start(ctx, filepath.Join(dir, "service")) // stands in for a deployment
	if err != nil {
		log.Fatal(err)
	}
	defer repo.Close()

	reader, err := repository.New(repository.Config{
		MetadataURL:        repo.MetadataURL, // https://repository.example.com/metadata/
		AllowExpiredUnsafe: true,             // to see what has expired as well
	}, repository.TrustRoot(repo.RootJSON))
	if err != nil {
		log.Fatal(err)
	}
	api, err := client.New(repo.APIURL, client.Config{}) // https://rstuf.example.com
	if err != nil {
		log.Fatal(err)
	}
	report := health.Examine(ctx, health.Config{Reader: reader, API: api})
	for _, finding := range report.Findings {
		fmt.Println(finding)
		fmt.Println("  to do:", finding.Do)
	}
	fmt.Println("something is wrong:", report.Has(health.Error))
	// Output:
	// warning: root: every one of its 2 keys is needed: the loss of one stops the role
	//   to do: add a key in the next version
	// something is wrong: false
}
