package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/files"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/repository"
)

// maxUnwatched is how many artifacts may be added without waiting for them:
// an upload of more needs somebody who paces it.
const maxUnwatched = 1000

// maxArtifactsJSON bounds a file of artifacts, in bytes.
const maxArtifactsJSON = 1 << 30

// addCommand is what the flags of rstuf artifact add say.
type addCommand struct {
	*app
	prefix    string
	hashes    []string
	custom    string
	jsonFile  string
	taskID    bool
	noWait    bool
	noPublish bool
	dryRun    bool
	journal   string
	visible   visibleFlags
}

func newArtifactAddCommand(a *app) *cobra.Command {
	c := &addCommand{app: a}
	cmd := &cobra.Command{
		Use:   "add [FILE|FOLDER|-]...",
		Short: "Add files to a repository's metadata",
		Long: `Add files to a repository's metadata, or replace those of the same path, and
wait until they are published. Only sizes and hashes are sent: put the files
where artifacts are served yourself.

A file's path in the repository is its name, those of a folder start there; -p
puts a path before them. "-" reads a list of files and folders from standard
input. --from-json takes artifacts as the API does: {"artifacts": [{"path",
"info": {"length", "hashes", "custom"}}]}.

Many artifacts go in requests of many. With --journal an upload that was
interrupted goes on where it was when it is repeated.

` + visibleSource,
		Example: `  rstuf artifact add app-1.0.tar.gz -p releases
  rstuf artifact add dist/ -p releases/1.0 --hash sha256 --hash sha512
  find . -name '*.whl' | rstuf artifact add - --custom '{"channel": "beta"}'
  rstuf artifact add --dry-run app-1.0.tar.gz > artifacts.json
  rstuf artifact add --from-json artifacts.json --journal upload.journal`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
		Args: cobra.ArbitraryArgs,
	}
	c.visible.add(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&c.prefix, "path", "p", "", "`PATH` in the repository to put before the names")
	flags.StringArrayVar(&c.hashes, "hash", []string{"sha256"}, "hash `ALGORITHM`: sha256, sha512 or blake2b-256; may be repeated")
	flags.StringVar(&c.custom, "custom", "", "custom data of each artifact, a `JSON` object")
	flags.StringVar(&c.jsonFile, "from-json", "", "add the artifacts of a JSON `FILE`, - for standard input")
	flags.BoolVar(&c.taskID, "add-task-id", false, "have the service write its task id into the custom data")
	flags.BoolVar(&c.noWait, "no-wait", false, "do not wait for publication; print the task's id")
	flags.BoolVar(&c.noPublish, "no-publish", false, "leave it to rstuf artifact publish; the task waits for that")
	flags.BoolVar(&c.dryRun, "dry-run", false, "send nothing; print the request, for --from-json")
	flags.StringVar(&c.journal, "journal", "", "remember in `FILE` what is published, to go on after an interruption")
	return cmd
}

func (c *addCommand) run(ctx context.Context, args []string) error {
	if (len(args) == 0) == (c.jsonFile == "") {
		return usagef("give files and folders, or --from-json, and not both")
	}
	if c.custom != "" && !isObject(c.custom) {
		return usagef("--custom: want a JSON object such as {\"channel\": \"beta\"}")
	}
	source, err := c.source(ctx, args)
	if err != nil {
		return err
	}
	if c.dryRun || c.noWait || c.noPublish {
		return c.once(ctx, source)
	}
	return c.upload(ctx, source)
}

func isObject(text string) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &object) == nil && object != nil
}

// source yields the artifacts, hashed as they are asked for.
func (c *addCommand) source(ctx context.Context, args []string) (iter.Seq2[rstuf.Artifact, error], error) {
	if c.jsonFile != "" {
		request, err := c.readJSON()
		if err != nil {
			return nil, err
		}
		c.taskID = c.taskID || request.AddTaskIDToCustom
		return c.complete(func(yield func(rstuf.Artifact, error) bool) {
			seen := newSeen[int]()
			for i, artifact := range request.Artifacts {
				if before, twice := seen.add(artifact.Path, i+1); twice {
					yield(rstuf.Artifact{}, fmt.Errorf("%s: artifacts %d and %d have the same path %s", c.jsonFile, before, i+1, quote.Word(artifact.Path)))
					return
				}
				if c.prefix != "" {
					artifact.Path = strings.TrimSuffix(c.prefix, "/") + "/" + artifact.Path
				}
				if !yield(artifact, nil) {
					return
				}
			}
		}), nil
	}
	names, err := c.withList(args)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := os.Stat(name); err != nil {
			return nil, err
		}
	}
	options := client.HashOptions{Algorithms: c.hashes, Prefix: c.prefix}
	return c.complete(func(yield func(rstuf.Artifact, error) bool) {
		seen := newSeen[string]()
		for _, name := range names {
			more := hashAny(ctx, name, options, func(artifact rstuf.Artifact, err error) bool {
				if before, twice := seen.add(artifact.Path, name); err == nil && twice {
					return yield(rstuf.Artifact{}, fmt.Errorf("%s and %s have the same path %s in the repository: add them apart, with other --path",
						quote.Word(before), quote.Word(name), quote.Word(artifact.Path))) && false
				}
				return yield(artifact, err)
			})
			if !more {
				return
			}
		}
	}), nil
}

// hashAny yields the artifact of a file or the artifacts of a folder.
func hashAny(ctx context.Context, name string, options client.HashOptions, yield func(rstuf.Artifact, error) bool) bool {
	info, err := os.Stat(name)
	if err != nil {
		return yield(rstuf.Artifact{Path: name}, err)
	}
	if !info.IsDir() {
		return yield(client.HashFile(ctx, name, filepath.Base(name), options))
	}
	for artifact, err := range client.HashFolder(ctx, name, options) {
		if !yield(artifact, err) {
			return false
		}
	}
	return true
}

// complete puts in the custom data.
func (c *addCommand) complete(source iter.Seq2[rstuf.Artifact, error]) iter.Seq2[rstuf.Artifact, error] {
	return func(yield func(rstuf.Artifact, error) bool) {
		for artifact, err := range source {
			if c.custom != "" {
				artifact.Info.Custom = json.RawMessage(c.custom)
			}
			if !yield(artifact, err) {
				return
			}
		}
	}
}

func (c *addCommand) readJSON() (*rstuf.AddArtifacts, error) {
	var in io.Reader = c.stdin
	if c.jsonFile != "-" {
		f, err := os.Open(c.jsonFile)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := files.ReadText(in, maxArtifactsJSON)
	if err != nil {
		return nil, inFile(c.jsonFile, err)
	}
	request, err := rstuf.DecodeStrict[rstuf.AddArtifacts](data)
	if err != nil {
		return nil, inFile(c.jsonFile, err)
	}
	return request, nil
}

// once makes one request of all artifacts, to print it or to leave it to
// itself.
func (c *addCommand) once(ctx context.Context, source iter.Seq2[rstuf.Artifact, error]) error {
	request := rstuf.AddArtifacts{AddTaskIDToCustom: c.taskID, SkipPublish: c.noPublish}
	for artifact, err := range source {
		if err != nil {
			return err
		}
		request.Artifacts = append(request.Artifacts, artifact)
		if len(request.Artifacts) > maxUnwatched && !c.dryRun {
			return usagef("more than %d artifacts: leave out --no-wait and --no-publish, so that the upload is paced", maxUnwatched)
		}
	}
	if len(request.Artifacts) == 0 {
		return errors.New("there is no file to add")
	}
	if c.dryRun {
		data, err := encodeJSON(request)
		if err != nil {
			return err
		}
		return c.writeJSON(data)
	}
	return c.change(ctx, true, func(ctx context.Context, api *client.Client) (*client.Task, error) {
		return api.AddArtifacts(ctx, request)
	})
}

// addResult is what became of an upload.
type addResult struct {
	Added    int64               `json:"added"`
	Skipped  int64               `json:"skipped"`
	Invalid  int64               `json:"invalid"`
	Failed   int64               `json:"failed"`
	Open     int64               `json:"unfinished"`
	Tasks    []string            `json:"unfinished_tasks,omitempty"`
	Bytes    int64               `json:"bytes"`
	Requests int                 `json:"requests"`
	Seconds  float64             `json:"seconds"`
	Problems []problem           `json:"problems"`
	Waiting  []rstuf.WaitingRole `json:"waiting_roles,omitempty"`
}

type problem struct {
	Path  string `json:"path"`
	Error string `json:"error"`
}

// upload adds all artifacts and waits until they are published.
func (c *addCommand) upload(ctx context.Context, source iter.Seq2[rstuf.Artifact, error]) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	ctx, cancel := c.withTimeout(ctx, 0)
	defer cancel()
	bar := c.bar()
	var published atomic.Int64
	publisher := client.Publisher{Client: api, Journal: c.journal, AddTaskIDToCustom: c.taskID, Progress: func(p client.PublishProgress) {
		published.Store(p.Done)
		bar.update(p)
	}}
	if bar.out == nil {
		defer c.waiting(func() string {
			return "the service to publish; " + quote.Count(published.Load(), "artifact") + " so far"
		})()
	}
	var last rstuf.Artifact
	report, err := publisher.PublishFiles(ctx, func(yield func(rstuf.Artifact, error) bool) {
		for artifact, err := range source {
			if err == nil {
				last = artifact
			}
			if !yield(artifact, err) {
				return
			}
		}
	})
	bar.clear()
	if err := c.reportUpload(report, err); err != nil {
		return err
	}
	// What was published last is seen last.
	return c.waitVisible(ctx, &c.visible, repository.Expected{Path: last.Path, Info: &last.Info})
}

// reportUpload prints what became of an upload; err is what ended it early.
func (a *app) reportUpload(report client.PublishReport, err error) error {
	result := addResult{
		Added: report.Added, Skipped: report.Skipped, Invalid: report.Invalid, Failed: report.Failed,
		Open: report.Unfinished, Tasks: report.Tasks, Bytes: report.Bytes, Requests: report.Requests, Seconds: report.Elapsed.Seconds(), Problems: []problem{}, Waiting: report.Waiting,
	}
	for _, p := range report.Problems {
		result.Problems = append(result.Problems, problem{p.Path, p.Err.Error()})
	}
	printed := a.result(result, func() {
		a.printf("added %s of %s in %.1f s", quote.Count(result.Added, "artifact"), quote.Count(result.Bytes, "byte"), result.Seconds)
		if result.Skipped > 0 {
			a.printf("skipped %s that an earlier run has added", quote.Count(result.Skipped, "artifact"))
		}
		if result.Open > 0 {
			a.printf("%s more: the service has them, and goes on", quote.Count(result.Open, "artifact"))
		}
		for _, p := range result.Problems {
			a.note("%s: %s", p.Path, p.Error)
		}
	})
	switch {
	case err != nil:
		return explainPending(err)
	case result.Added+result.Skipped == 0:
		return errors.Join(printed, errors.New("there is no file to add"))
	}
	return printed
}
