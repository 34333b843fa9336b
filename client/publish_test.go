package client_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/client"
)

func TestPublish(t *testing.T) {
	fake := newFakeAPI()
	fake.running = 2
	api, _ := serve(t, fake, client.Config{})
	var last client.PublishProgress
	publisher := client.Publisher{Client: api, Total: 20_000, Progress: func(p client.PublishProgress) {
		assert.GreaterOrEqual(t, p.Done, last.Done)
		last = p
	}}
	report, err := publisher.Publish(t.Context(), artifacts(20_000))
	require.NoError(t, err)
	assert.EqualValues(t, 20_000, report.Added)
	assert.EqualValues(t, 20_000*19_999/2, report.Bytes)
	assert.Empty(t, report.Problems)
	assert.Equal(t, len(fake.sizes), report.Requests)
	assert.Len(t, fake.artifacts, 20_000)
	assert.EqualValues(t, 20_000, last.Done)
	assert.Zero(t, last.Left)
	assert.Positive(t, last.Rate)
	assert.LessOrEqual(t, fake.mostOpen, 3, "few requests wait at a time")
	assert.Equal(t, 1000, fake.sizes[0])
	assert.Greater(t, slices.Max(fake.sizes), 1000, "requests grow when the service is fast")
}

func TestPublishNothing(t *testing.T) {
	fake := newFakeAPI()
	api, _ := serve(t, fake, client.Config{})
	report, err := (&client.Publisher{Client: api}).Publish(t.Context(), artifacts(0))
	require.NoError(t, err)
	assert.Zero(t, report.Requests)
	assert.Empty(t, fake.done)
}

func TestPublishReportsWhatIsInvalid(t *testing.T) {
	fake := newFakeAPI()
	fake.invalid = func(path string) bool { return path == artifact(7).Path }
	api, _ := serve(t, fake, client.Config{})
	sequence := func(yield func(rstuf.Artifact, error) bool) {
		for i := range 10 {
			yield(artifact(i), nil)
		}
		yield(rstuf.Artifact{Path: "no/hashes"}, nil)
		yield(rstuf.Artifact{Path: "../up", Info: artifact(1).Info}, nil)
		yield(rstuf.Artifact{Path: "not\xffutf8", Info: artifact(1).Info}, nil)
		yield(rstuf.Artifact{Path: "unreadable"}, os.ErrPermission)
	}
	var last client.PublishProgress
	publisher := client.Publisher{Client: api, BatchSize: 3, Progress: func(p client.PublishProgress) { last = p }}
	report, err := publisher.PublishFiles(t.Context(), sequence)
	assert.ErrorContains(t, err, "5 of 14 were not published")
	assert.EqualValues(t, 45-7, report.Bytes, "of those that were added")
	assert.EqualValues(t, 9, last.Done, "failures are not done")
	assert.EqualValues(t, 9, report.Added)
	assert.EqualValues(t, 4, report.Invalid)
	assert.EqualValues(t, 1, report.Failed)
	problems := map[string]error{}
	for _, p := range report.Problems {
		problems[p.Path] = p.Err
	}
	assert.Equal(t, []string{"../up", "no/hashes", "not\xffutf8", artifact(7).Path, "unreadable"}, sorted(problems))
	assert.ErrorIs(t, problems["unreadable"], os.ErrPermission)
	assert.Len(t, fake.artifacts, 9)
}

func TestPublishSendsHalvesOfWhatIsTooLarge(t *testing.T) {
	fake := newFakeAPI()
	fake.mostBytes = 40_000 // about 270 artifacts
	api, _ := serve(t, fake, client.Config{})
	report, err := (&client.Publisher{Client: api}).Publish(t.Context(), artifacts(3000))
	require.NoError(t, err)
	assert.EqualValues(t, 3000, report.Added)
	assert.Len(t, fake.artifacts, 3000)
	for path, times := range fake.artifacts {
		require.Equal(t, 1, times, path)
	}

	fake.mostBytes = 10
	report, err = (&client.Publisher{Client: api}).Publish(t.Context(), artifacts(10))
	var answer *client.Error
	require.ErrorAs(t, err, &answer, "a single artifact is not halved")
	assert.Equal(t, http.StatusRequestEntityTooLarge, answer.Status)
	assert.EqualValues(t, 10, report.Failed)
}

func TestPublishBearsAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		fake := newFakeAPI()
		start := time.Now()
		down := func(since time.Duration) bool { return since > 0 && since < time.Minute }
		api := servePipes(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down(time.Since(start)) {
				panic(http.ErrAbortHandler)
			}
			fake.ServeHTTP(w, r)
		}), client.Config{})
		report, err := (&client.Publisher{Client: api, BatchSize: 10}).Publish(t.Context(), artifacts(100))
		require.NoError(t, err)
		assert.EqualValues(t, 100, report.Added)

		start, down = time.Now(), func(time.Duration) bool { return true }
		report, err = (&client.Publisher{Client: api, BatchSize: 10}).Publish(t.Context(), artifacts(100))
		require.ErrorIs(t, err, client.ErrUnavailable)
		assert.Zero(t, report.Added)
		assert.Less(t, time.Since(start), 5*time.Minute)
	})
}

func TestPublisherWithoutAClient(t *testing.T) {
	_, err := new(client.Publisher).Publish(t.Context(), artifacts(1))
	require.Error(t, err)
}

func TestPublishStopsAtAFailure(t *testing.T) {
	fake := newFakeAPI()
	fake.fail = func(r rstuf.AddArtifacts) bool { return r.Artifacts[0].Path == artifact(20).Path }
	api, _ := serve(t, fake, client.Config{})
	report, err := (&client.Publisher{Client: api, BatchSize: 10, InFlight: 1}).Publish(t.Context(), artifacts(1000))
	var failed *client.TaskError
	require.ErrorAs(t, err, &failed)
	assert.Contains(t, err.Error(), "it broke")
	assert.EqualValues(t, 10, report.Failed)
	assert.EqualValues(t, 20, report.Added)
	assert.Len(t, fake.artifacts, 20, "nothing more is sent")
}

func TestPublishResumes(t *testing.T) {
	for _, inFlight := range []int{1, 2, 5} {
		t.Run(fmt.Sprint(inFlight), func(t *testing.T) {
			journal := filepath.Join(t.TempDir(), "journal")
			fake := newFakeAPI()
			api, _ := serve(t, fake, client.Config{})
			publisher := client.Publisher{Client: api, BatchSize: 10, InFlight: inFlight, Journal: journal}

			broken := true
			fake.fail = func(r rstuf.AddArtifacts) bool { return broken && r.Artifacts[0].Path == artifact(300).Path }
			first, err := publisher.Publish(t.Context(), artifacts(1000))
			require.Error(t, err)
			assert.FileExists(t, journal)
			broken = false

			second, err := publisher.Publish(t.Context(), artifacts(1000))
			require.NoError(t, err)
			// All before the first request that had not ended: the one that
			// failed, or one beside it that was slower.
			assert.LessOrEqual(t, second.Skipped, int64(300))
			assert.Positive(t, second.Skipped)
			if inFlight == 1 {
				assert.EqualValues(t, 300, second.Skipped)
			}
			assert.EqualValues(t, 1000, second.Skipped+second.Added)
			assert.GreaterOrEqual(t, first.Added+second.Added, int64(1000))
			assert.Len(t, fake.artifacts, 1000)
			assert.NoFileExists(t, journal)
		})
	}
}

func TestPublishAfterCancelResumes(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "journal")
	fake := newFakeAPI()
	api, _ := serve(t, fake, client.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	publisher := client.Publisher{Client: api, BatchSize: 10, InFlight: 1, Journal: journal, Progress: func(p client.PublishProgress) {
		if p.Done >= 100 {
			cancel()
		}
	}}
	_, err := publisher.Publish(ctx, artifacts(2000))
	require.ErrorIs(t, err, context.Canceled)
	publisher.Progress = nil
	report, err := publisher.Publish(t.Context(), artifacts(2000))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, report.Skipped, int64(100))
	assert.EqualValues(t, 2000, report.Skipped+report.Added)
	assert.Len(t, fake.artifacts, 2000)
}

func TestPublishRefusesAnotherSequence(t *testing.T) {
	fake := newFakeAPI()
	api, _ := serve(t, fake, client.Config{})
	interrupted := func(t *testing.T) client.Publisher {
		publisher := client.Publisher{Client: api, BatchSize: 10, InFlight: 1, Journal: filepath.Join(t.TempDir(), "journal")}
		fake.fail = func(r rstuf.AddArtifacts) bool { return r.Artifacts[0].Path == artifact(50).Path }
		_, err := publisher.Publish(t.Context(), artifacts(100))
		require.Error(t, err)
		fake.fail = nil
		return publisher
	}
	without := func(skip int) iter.Seq[rstuf.Artifact] {
		return func(yield func(rstuf.Artifact) bool) {
			for i := range 100 {
				if i != skip && !yield(artifact(i)) {
					return
				}
			}
		}
	}
	tests := map[string]func(p *client.Publisher) iter.Seq[rstuf.Artifact]{
		"an artifact is missing": func(*client.Publisher) iter.Seq[rstuf.Artifact] { return without(3) },
		"shorter":                func(*client.Publisher) iter.Seq[rstuf.Artifact] { return artifacts(20) },
		"truncated journal": func(p *client.Publisher) iter.Seq[rstuf.Artifact] {
			require.NoError(t, os.WriteFile(p.Journal, []byte(`{"done": 5`), 0o600))
			return artifacts(100)
		},
		"negative journal": func(p *client.Publisher) iter.Seq[rstuf.Artifact] {
			require.NoError(t, os.WriteFile(p.Journal, []byte(`{"done": -5, "digest": ""}`), 0o600))
			return artifacts(100)
		},
		"another service": func(p *client.Publisher) iter.Seq[rstuf.Artifact] {
			other, err := client.New("https://other.example", client.Config{})
			require.NoError(t, err)
			p.Client = other
			return artifacts(100)
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			publisher := interrupted(t)
			before := len(fake.sizes)
			_, err := publisher.Publish(t.Context(), change(&publisher))
			require.Error(t, err)
			assert.Contains(t, err.Error(), "journal")
			assert.Len(t, fake.sizes, before, "nothing is sent")
			assert.FileExists(t, publisher.Journal)
		})
	}
}

func TestPublishWithAJournalThatCantBeWritten(t *testing.T) {
	fake := newFakeAPI()
	api, _ := serve(t, fake, client.Config{})
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "missing", "journal")} {
		_, err := (&client.Publisher{Client: api, Journal: path}).Publish(t.Context(), artifacts(10))
		require.Error(t, err)
		assert.Contains(t, err.Error(), "journal")
	}
	assert.Empty(t, fake.done, "nothing is sent")
}

func TestPublishedFilesOfAFolder(t *testing.T) {
	dir := t.TempDir()
	for i := range 25 {
		name := filepath.Join(dir, fmt.Sprint(i%5), fmt.Sprintf("%d.bin", i))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(fmt.Sprint("content ", i)), 0o600))
	}
	fake := newFakeAPI()
	api, _ := serve(t, fake, client.Config{})
	report, err := (&client.Publisher{Client: api}).PublishFiles(t.Context(), client.HashFolder(t.Context(), dir, client.HashOptions{Prefix: "pre"}))
	require.NoError(t, err)
	assert.EqualValues(t, 25, report.Added)
	assert.Contains(t, fake.artifacts, "pre/3/13.bin")
}

func TestPublishOfAFolderThatIsNone(t *testing.T) {
	fake := newFakeAPI()
	api, _ := serve(t, fake, client.Config{})
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, folder := range []string{file, file + "-missing"} {
		_, err := (&client.Publisher{Client: api}).PublishFiles(t.Context(), client.HashFolder(t.Context(), folder, client.HashOptions{}))
		var place *fs.PathError
		require.ErrorAs(t, err, &place)
		assert.Equal(t, folder, place.Path)
	}
	assert.Empty(t, fake.done)
}

// TestPublishWithTasksThatSayNothing: an answer without data is none, however
// often it comes.
func TestPublishWithTasksThatSayNothing(t *testing.T) {
	for _, answer := range []string{`{}`, `{"data": null}`, `{"data": {}}`} {
		inBubble(t, func(t *testing.T) {
			api := offline(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					io.WriteString(w, answer)
					return
				}
				w.WriteHeader(http.StatusAccepted)
				io.WriteString(w, `{"data": {"task_id": "x"}}`)
			}), client.Config{})
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			report, err := (&client.Publisher{Client: api}).Publish(ctx, artifacts(1))
			require.ErrorIs(t, err, client.ErrUnavailable, answer)
			assert.EqualValues(t, 1, report.Failed)
		})
	}
}
