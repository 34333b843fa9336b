package client_test

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/rstuftest"
)

// BenchmarkRequests is one cheap request after the other against the embedded
// service, through HTTP.
func BenchmarkRequests(b *testing.B) {
	repo := rstuftest.New(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := repo.Client.BootstrapState(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// BenchmarkAddAndWait is one artifact from request to published.
func BenchmarkAddAndWait(b *testing.B) {
	repo := rstuftest.New(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		task, err := repo.Client.AddArtifacts(b.Context(), rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{artifact(i)}})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := task.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncode is the body of a request for 1,000 artifacts.
func BenchmarkEncode(b *testing.B) {
	var request rstuf.AddArtifacts
	for a := range artifacts(1000) {
		request.Artifacts = append(request.Artifacts, a)
	}
	body, err := client.Encode(nil, request)
	require.NoError(b, err)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if body, err = client.Encode(body[:0], request); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPublishMillion is a million artifacts from the sequence to
// published, through HTTP into the embedded service in this process.
func BenchmarkPublishMillion(b *testing.B) {
	for b.Loop() {
		repo := rstuftest.New(b, rstuftest.WithPolicy(func(p *ceremony.Policy) { p.HashBins = 256 }))
		start := time.Now()
		report, err := (&client.Publisher{Client: repo.Client}).Publish(b.Context(), artifacts(1_000_000))
		require.NoError(b, err)
		require.EqualValues(b, 1_000_000, report.Added)
		b.ReportMetric(time.Since(start).Seconds(), "s/million")
		b.ReportMetric(float64(report.Requests), "requests")
	}
}

// BenchmarkPublisherMemory is a million artifacts against a service that does
// nothing, for the memory of the client alone.
func BenchmarkPublisherMemory(b *testing.B) {
	for b.Loop() {
		api, server := serve(b, newSink(), client.Config{})
		peak := watchHeap(b)
		start := time.Now()
		report, err := (&client.Publisher{Client: api}).Publish(b.Context(), artifacts(1_000_000))
		require.NoError(b, err)
		require.EqualValues(b, 1_000_000, report.Added)
		b.ReportMetric(time.Since(start).Seconds(), "s/million")
		most := peak()
		require.Less(b, most, uint64(200<<20))
		b.ReportMetric(float64(most)/(1<<20), "peak-MiB")
		server.Close()
	}
}

// watchHeap looks at the memory that Go has from the system, often, until the
// function that it returns is called for the peak since.
func watchHeap(b *testing.B) func() uint64 {
	runtime.GC()
	stop, result := make(chan struct{}), make(chan uint64)
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		var peak uint64
		for {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64()+sample[1].Value.Uint64())
			select {
			case <-ticker.C:
			case <-stop:
				result <- peak
				return
			}
		}
	}()
	return func() uint64 { close(stop); return <-result }
}
