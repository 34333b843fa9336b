package servertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service/bucket"
	"example.org/rstuf/service/bucket/servertest/gateway"
)

// server is the one gateway of this process.
var server *gateway.Gateway

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "bucket")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if server, err = gateway.Start(dir); err != nil {
		return 0, err
	}
	code := m.Run()
	return code, server.Close()
}

// fault is what the network does to a request.
type fault int

const (
	none      fault = iota
	refuse          // the store answers 503
	reset           // the connection breaks before the store has the request
	cut             // the store has half of the request's body, then it breaks
	unknown         // the store does it, the answer gets lost
	truncated       // half of the answer arrives
	hang            // the store never answers
	late            // the connection breaks, the request arrives much later
)

func (f fault) String() string {
	return [...]string{"none", "refuse", "reset", "cut", "unknown", "truncated", "hang", "late"}[f]
}

// store is a bucket on the gateway, and the network before it.
type store struct {
	t      *testing.T
	server *httptest.Server
	client *s3.Client
	bucket string

	requests atomic.Int64
	removed  atomic.Int64 // files of versions
	mu       sync.Mutex
	// decide says what happens to a request of the storage; nil means nothing
	// does.
	decide func(n int64, r *http.Request) fault
	held   []*http.Request // those that are late
	stop   chan struct{}   // ends requests that hang
}

var buckets atomic.Int64

// newStore makes a bucket whose files everybody may read.
func newStore(t *testing.T) *store {
	s := &store{t: t, bucket: fmt.Sprintf("bucket-%d", buckets.Add(1)), stop: make(chan struct{})}
	s.server = httptest.NewServer(s)
	t.Cleanup(func() {
		close(s.stop)
		s.server.Close()
	})
	s.client = s.newClient(gateway.SecretKey)
	_, err := s.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &s.bucket})
	require.NoError(t, err)
	_, err = s.client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &s.bucket, Policy: aws.String(fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/*"}]}`, s.bucket))})
	require.NoError(t, err)
	return s
}

// newClient is a client that retries at once.
func (s *store) newClient(secret string) *s3.Client {
	return s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &s.server.URL, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: gateway.AccessKey, SecretAccessKey: secret}, nil
		}),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxBackoff = time.Millisecond
			o.RateLimiter = noLimit{}
		}),
	})
}

// noLimit lets a client retry after any number of failures.
type noLimit struct{}

func (noLimit) GetToken(context.Context, uint) (func() error, error) { return noLimit{}.release, nil }
func (noLimit) AddTokens(uint) error                                 { return nil }
func (noLimit) release() error                                       { return nil }

// storage is the bucket as the service uses it.
func (s *store) storage(cfg bucket.Config) *bucket.Bucket {
	cfg.Bucket = s.bucket
	b, err := bucket.New(s.client, cfg)
	require.NoError(s.t, err)
	return b
}

// url is the public address of a file.
func (s *store) url(path string) string { return s.server.URL + "/" + s.bucket + "/" + path }

// fail sets what happens from now on; requests are counted from 1.
func (s *store) fail(decide func(n int64, r *http.Request) fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decide = decide
	s.requests.Store(0)
}

func (s *store) next(r *http.Request) fault {
	if r.Header.Get("Authorization") == "" { // the public is not what is tested
		return none
	}
	n := s.requests.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.decide == nil {
		return none
	}
	return s.decide(n, r)
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.keeps(r)
	switch s.next(r) {
	case refuse:
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`)
	case reset:
		panic(http.ErrAbortHandler)
	case cut:
		if r.ContentLength > 1 {
			r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, r.ContentLength/2), broken{}))
			server.ServeHTTP(w, r)
		}
		panic(http.ErrAbortHandler)
	case unknown:
		server.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case truncated:
		whole := httptest.NewRecorder()
		server.ServeHTTP(whole, r)
		for name, values := range whole.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Length", fmt.Sprint(max(whole.Body.Len(), 2)))
		w.WriteHeader(whole.Code)
		_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
		panic(http.ErrAbortHandler)
	case late:
		s.hold(r)
		panic(http.ErrAbortHandler)
	case hang:
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-s.stop:
		}
	default:
		server.ServeHTTP(w, r)
	}
}

// hold keeps a request for deliver.
func (s *store) hold(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	held := r.Clone(s.t.Context())
	held.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = append(s.held, held)
}

// deliver passes on the requests that are late, and returns the answers.
func (s *store) deliver() (statuses []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.held {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		statuses = append(statuses, w.Code)
	}
	s.held = nil
	return statuses
}

// broken is a connection that ends.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// get is what the public gets.
func (s *store) get(path string) (*http.Response, []byte) {
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url(path), strings.NewReader(""))
	require.NoError(s.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return response, body
}
