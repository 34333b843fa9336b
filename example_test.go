package rstuf_test

import (
	"fmt"

	"example.org/rstuf"
)

func ExampleDecode() {
	_, err := rstuf.Decode[rstuf.AddArtifacts]([]byte(`{"artifacts": [{
		"path": "../file.tar.gz",
		"info": {"length": 5, "hashes": {"sha256": "abc"}}
	}]}`))
	fmt.Println(err)
	// Output: artifacts[0].path: a path can't hold .. between slashes, got "../file.tar.gz"; artifacts[0].info.hashes.sha256: a sha256 digest has 64 hex digits, not 3, got "abc"
}

func ExampleTask_Succeeded() {
	task := rstuf.Task{State: rstuf.TaskErrored, Result: &rstuf.TaskResult{
		Message: "Signature Failed",
		Error:   "No signatures pending for root",
	}}
	if task.State.Terminal() && !task.Succeeded() {
		fmt.Println(task.Reason())
	}
	// Output: No signatures pending for root
}
