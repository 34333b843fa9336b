// Package client drives the API of any RSTUF deployment and publishes artifacts
// in bulk. What a deployment has published is read with package repository.
//
// Start with [New]. Each endpoint of the API is a method of [Client]; those
// that queue work return a [Task], whose Wait ends when the work is done:
//
//	api, err := client.New("https://rstuf.example.com", client.Config{})
//	task, err := api.AddArtifacts(ctx, rstuf.AddArtifacts{Artifacts: list})
//	done, err := task.Wait(ctx)
//
// A [Publisher] adds any number of artifacts with bounded memory and resumes
// after an interruption; [HashFile] and [HashFolder] make artifacts of files.
//
// # What the package promises
//
// A request is checked before it is sent ([rstuf.ValidationError]). What a
// service answers to it comes back as an [Error] that wraps one of the
// sentinels, such as [ErrNotBootstrapped]; a task that did not do what was
// asked, as a [TaskError] with the service's own reason.
//
// Failures that pass (connection errors, answers 429 and 5xx, half an answer)
// are retried with a growing pause, and with the pause that the service asks
// for in Retry-After. A request that changes something is repeated only if the
// service can't have acted on it, or if doing it twice is the same as doing it
// once: reading, adding artifacts, publishing, and changing settings. For the
// others the error says that the answer was lost. [Client.SubmitBootstrap]
// asks for the state instead of sending twice.
//
// Headers and tokens of a [Config] go to the host of the base URL alone, also
// after a redirect. They stand in no error and in no log.
//
// A Client and a Publisher may be used from several goroutines.
// The package starts no goroutine that outlives the call that needed it.
package client
