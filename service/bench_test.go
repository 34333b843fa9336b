package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// durable is a service that waits for the disk, as in use.
type durable struct {
	testing.TB
	api  http.Handler
	made int
}

// openDurable opens what is measured. .ci/interop-postgres has it be a replica, too.
var openDurable = func(ctx context.Context, cfg service.Config) (running, error) { return service.Open(ctx, cfg) }

type running interface {
	Handler() http.Handler
	Close(ctx context.Context) error
}

// newDurable bootstraps a service with hash bins; it returns how long the
// bootstrap took, from the request to the end of the task.
func newDurable(b testing.TB, bins int) (*durable, time.Duration) {
	b.Helper()
	alice, bob, online := benchKey(b, "alice"), benchKey(b, "bob"), benchKey(b, "online")
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: []keys.Public{alice.Public(), bob.Public()}, Threshold: 2, OnlineKey: online.Public(), HashBins: bins,
	})
	require.NoError(b, err)
	require.NoError(b, draft.Sign(b.Context(), alice))
	require.NoError(b, draft.Sign(b.Context(), bob))
	dir := b.TempDir()
	svc, err := openDurable(b.Context(), service.Config{Dir: dir, Store: service.StoreFor(dir), OnlineKeys: []keys.Signer{online}})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, svc.Close(context.Background())) })
	d := &durable{TB: b, api: svc.Handler()}
	payload, err := json.Marshal(draft.Payload())
	require.NoError(b, err)
	began := time.Now()
	d.finish(d.submit("POST", "/bootstrap/", payload))
	return d, time.Since(began)
}

func benchKey(b testing.TB, name string) *keys.Private {
	key, err := keys.Generate(keys.Ed25519, name)
	require.NoError(b, err)
	return key
}

// submit sends a request and returns its task's id.
func (d *durable) submit(method, path string, body []byte) string {
	got := call(d.api, method, "/api/v1"+path, body)
	var accepted wire.Response[wire.Accepted]
	require.NoError(d, json.Unmarshal(got.Body.Bytes(), &accepted))
	require.Equal(d, http.StatusAccepted, got.Code, got.Body)
	return accepted.Data.TaskID
}

// finish waits until a task has succeeded. It looks at the answer no closer
// than it must, so that the figures are the service's.
func (d *durable) finish(id string) { d.poll(id, finishPause) }

// finishPause is for a service that looks into its memory.
var finishPause = 100 * time.Microsecond

func (d *durable) poll(id string, pause time.Duration) {
	for {
		answer := call(d.api, "GET", "/api/v1/task/?task_id="+id, nil).Body.Bytes()
		if bytes.Contains(answer, []byte(`"state":"SUCCESS"`)) {
			return
		}
		require.NotContains(d, string(answer), "ERRORED")
		require.NotContains(d, string(answer), "FAILURE")
		time.Sleep(pause)
	}
}

// artifacts is a request of n new artifacts.
func (d *durable) artifacts(n int) []byte {
	body := artifactsBody(d.made, n)
	d.made += n
	return body
}

func artifactsBody(first, n int) []byte {
	out := []byte(`{"artifacts":[`)
	for i := first; i < first+n; i++ {
		if i > first {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"path":"pkg/%07d/file.tar.gz","info":{"length":%d,"hashes":{"sha256":"%064x"}}}`, i, i, i)
	}
	return append(out, `]}`...)
}

// One artifact, request to published: 5 ms.
func BenchmarkOneArtifact(b *testing.B) {
	d, _ := newDurable(b, 256)
	for b.Loop() {
		d.finish(d.submit("POST", "/artifacts/", d.artifacts(1)))
	}
}

// A thousand artifacts in one request, 256 bins: 50 ms.
func BenchmarkThousandInOneRequest(b *testing.B) {
	d, _ := newDurable(b, 256)
	body := d.artifacts(1000) // the same each time, so that the roles do not grow
	for b.Loop() {
		d.finish(d.submit("POST", "/artifacts/", body))
	}
}

// A hundred requests of two, submitted one after another, all published: 0.3 s.
func BenchmarkHundredRequestsOfTwo(b *testing.B) {
	d, _ := newDurable(b, 256)
	for b.Loop() {
		var ids []string
		for range 100 {
			ids = append(ids, d.submit("POST", "/artifacts/", d.artifacts(2)))
		}
		for _, id := range ids {
			d.finish(id)
		}
	}
}

// Bootstrap with 16,384 bins: 1.2 s.
func BenchmarkBootstrap16384Bins(b *testing.B) {
	for b.Loop() {
		_, took := newDurable(b, 16384)
		b.ReportMetric(took.Seconds(), "s/bootstrap")
	}
}

// Bump all 16,384 bins: 1.2 s.
func BenchmarkBump16384Bins(b *testing.B) {
	d, _ := newDurable(b, 16384)
	for b.Loop() {
		d.finish(d.submit("POST", "/metadata/online", []byte(`{"roles":[]}`)))
	}
}

// One artifact among 16,384 empty bins.
func BenchmarkOneIn16384Bins(b *testing.B) {
	d, _ := newDurable(b, 16384)
	for b.Loop() {
		d.finish(d.submit("POST", "/artifacts/", d.artifacts(1)))
	}
}

// One more artifact on top of a million: 15 ms.
func BenchmarkOneMoreOnAMillion(b *testing.B) {
	d, _ := newDurable(b, 16384)
	d.million()
	for b.Loop() {
		d.finish(d.submit("POST", "/artifacts/", d.artifacts(1)))
	}
}

func (d *durable) million() {
	var ids []string
	for range 20 {
		ids = append(ids, d.submit("POST", "/artifacts/", d.artifacts(50_000)))
	}
	for _, id := range ids {
		d.poll(id, 5*time.Millisecond)
	}
}

// A million artifacts, without client and network, into 16,384 bins.
func BenchmarkMillion(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		d, _ := newDurable(b, 16384)
		b.StartTimer()
		d.million()
	}
}

// 64 clients that add requests of ten: 5,000 artifacts a second.
func BenchmarkConcurrentClients(b *testing.B) {
	d, _ := newDurable(b, 256)
	var made atomic.Int64
	began := time.Now()
	total := 0
	for b.Loop() {
		var group sync.WaitGroup
		for range 64 {
			group.Go(func() {
				first := (int(made.Add(10)) - 10) % 6400
				d.poll(d.submit("POST", "/artifacts/", artifactsBody(first, 10)), 2*time.Millisecond)
			})
		}
		group.Wait()
		total += 640
	}
	b.ReportMetric(float64(total)/time.Since(began).Seconds(), "artifacts/s")
}

// Asking for a task with 16,384 roles to publish, as those do who wait.
func BenchmarkTaskOfManyRoles(b *testing.B) {
	d, _ := newDurable(b, 16384)
	body := append([]byte(`{"publish_artifacts":false,`), d.artifacts(100_000)[1:]...)
	path := "/api/v1/task/?task_id=" + d.submit("POST", "/artifacts/", body)
	b.ReportAllocs()
	for b.Loop() {
		answer := call(d.api, "GET", path, nil).Body
		require.Greater(b, answer.Len(), 16384*len("'bins-0000'"))
	}
}
