package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/sharedtest"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuftest"
	"example.org/rstuf/service"
	"example.org/rstuf/service/bucket"
)

func newBucket(t *testing.T) (*double, *bucket.Bucket) {
	d := newDouble()
	t.Cleanup(d.server.Close)
	b, err := bucket.New(d.client(), bucket.Config{Bucket: "b", Prefix: "p"})
	require.NoError(t, err)
	return d, b
}

// last is the last request of a kind.
func (d *double) last(t *testing.T, method string) *http.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := len(d.requests) - 1; i >= 0; i-- {
		if d.requests[i].Method == method {
			return d.requests[i]
		}
	}
	require.Fail(t, "no such request", method)
	return nil
}

func TestNewRefuses(t *testing.T) {
	client := s3.New(s3.Options{})
	for want, f := range map[string]func() (*bucket.Bucket, error){
		"the client is nil":        func() (*bucket.Bucket, error) { return bucket.New(nil, bucket.Config{Bucket: "b"}) },
		"Config.Bucket is empty":   func() (*bucket.Bucket, error) { return bucket.New(client, bucket.Config{}) },
		"Config.Timeout is negati": func() (*bucket.Bucket, error) { return bucket.New(client, bucket.Config{Bucket: "b", Timeout: -1}) },
	} {
		_, err := f()
		assert.ErrorContains(t, err, want)
	}
}

// Prefixes may be written with and without slashes around them.
func TestPrefix(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{"": "/b/x", "/": "/b/x", "p": "/b/p/x", "p/": "/b/p/x", "/p/q/": "/b/p/q/x"} {
		d := newDouble()
		b, err := bucket.New(d.client(), bucket.Config{Bucket: "b", Prefix: prefix})
		require.NoError(t, err)
		require.NoError(t, b.Create(t.Context(), "x", nil))
		assert.Equal(t, want, d.last(t, http.MethodPut).URL.Path)
		d.server.Close()
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	d, b := newBucket(t)
	for name, cache := range map[string]string{
		"1.root.json":      "public, max-age=31536000, immutable",
		"20.bins-a.json":   "public, max-age=31536000, immutable",
		"timestamp.json":   "no-cache",
		"root.json":        "no-cache",
		"0.odd.json":       "no-cache",
		"unversioned.json": "no-cache",
	} {
		for _, put := range []func() error{
			func() error { return b.Create(t.Context(), name, []byte(name)) },
			func() error { return b.Replace(t.Context(), name, []byte(name), []byte("next")) },
		} {
			require.NoError(t, put())
			r := d.last(t, http.MethodPut)
			assert.Equal(t, cache, r.Header.Get("Cache-Control"), name)
			assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
			// Chunked uploads and checksums are what other stores choke on.
			assert.Empty(t, r.Header.Values("X-Amz-Sdk-Checksum-Algorithm"))
			assert.Empty(t, r.Header.Values("X-Amz-Trailer"))
			assert.Empty(t, r.TransferEncoding)
		}
	}
}

// With TLS, where the SDK's signature does not cover the content, a checksum
// does, and it comes in no trailer.
func TestChecksumOverTLS(t *testing.T) {
	t.Parallel()
	d := newDouble()
	d.server.Close()
	d.server = tlsServer(d)
	defer d.server.Close()
	b, err := bucket.New(d.client(), bucket.Config{Bucket: "b"})
	require.NoError(t, err)
	require.NoError(t, b.Create(t.Context(), "1.root.json", []byte("{}")), "the double checks the checksum")
	r := d.last(t, http.MethodPut)
	assert.Equal(t, "UNSIGNED-PAYLOAD", r.Header.Get("X-Amz-Content-Sha256"))
	assert.Empty(t, r.Header.Values("X-Amz-Trailer"))
	assert.Empty(t, r.TransferEncoding)
}

// What a store lacks is found out by a probe and said in one line; one writer can
// go on without it, replicas are refused.
func TestStoreWithoutConditions(t *testing.T) {
	t.Parallel()
	strip := func(headers ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(_ http.ResponseWriter, r *http.Request) bool {
			for _, h := range headers {
				r.Header.Del(h)
			}
			return false
		}
	}
	for want, answer := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"": nil,
		"does not refuse a PUT with If-None-Match: * of a file that is there":                                       strip("If-None-Match"),
		"does not refuse a PUT with If-Match of another content":                                                    strip("If-Match"),
		"does not refuse a PUT with If-None-Match: * of a file that is there, nor with If-Match of another content": strip("If-None-Match", "If-Match"),
		"does not know PUTs with If-None-Match": func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("If-None-Match")+r.Header.Get("If-Match") == "" {
				return false
			}
			fail(w, http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented")
			return true
		},
		"refuses a PUT with If-Match of what is there": func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("If-Match") == "" {
				return false
			}
			fail(w, http.StatusPreconditionFailed, "PreconditionFailed", "")
			return true
		},
	} {
		d, b := newBucket(t)
		d.answer = answer
		err := b.Probe(t.Context())
		if want == "" {
			assert.NoError(t, err)
		} else {
			assert.ErrorIs(t, err, service.ErrUnconditional)
			assert.EqualError(t, err, "bucket b: the store "+want+": "+service.ErrUnconditional.Error())
		}
		assert.Empty(t, d.objects, "nothing is left")
		replica, err := service.OpenReplica(t.Context(), service.Config{Dir: t.TempDir(), Replicas: new(sharedtest.Shared), Storage: b})
		if want == "" {
			require.NoError(t, err)
			require.NoError(t, replica.Close(t.Context()))
		} else {
			assert.EqualError(t, err, "open a replica: replicas need a storage that keeps two writers apart: bucket b: the store "+want+": "+service.ErrUnconditional.Error())
		}
		assert.Empty(t, d.objects, "nothing is left")
		rstuftest.TestStorage(t, func() service.Storage { return b })
	}
	d, b := newBucket(t)
	d.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		fail(w, http.StatusForbidden, "AccessDenied", "no")
		return true
	}
	err := b.Probe(t.Context())
	assert.ErrorContains(t, err, "AccessDenied")
	assert.NotErrorIs(t, err, service.ErrUnconditional)
}

// A writer that is held between its read and its PUT, while another one writes, is
// refused: what is there stays.
func TestTwoWriters(t *testing.T) {
	t.Parallel()
	d, b := newBucket(t)
	require.NoError(t, b.Replace(t.Context(), "timestamp.json", nil, []byte("11")))
	for name, put := range map[string]func() error{
		"timestamp.json": func() error { return b.Replace(t.Context(), "timestamp.json", []byte("11"), []byte("12")) },
		"5.bins-0.json":  func() error { return b.Create(t.Context(), "5.bins-0.json", []byte("mine")) },
	} {
		d.answer = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut {
				d.objects[r.URL.Path] = []byte("13")
			}
			return false
		}
		err := put()
		assert.ErrorIs(t, err, service.ErrChanged)
		d.answer = nil
		data, err := b.Read(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, "13", string(data))
	}
}

// What was just read is not read again to be replaced, and is replaced only if nobody has
// written since, as what was read longer ago.
func TestReplaceAfterRead(t *testing.T) {
	t.Parallel()
	d, b := newBucket(t)
	require.NoError(t, b.Replace(t.Context(), "timestamp.json", nil, []byte("1")))
	require.NoError(t, b.Create(t.Context(), "1.root.json", []byte("{}")))
	old, err := b.Read(t.Context(), "timestamp.json")
	require.NoError(t, err)
	_, err = b.Read(t.Context(), "1.root.json") // which is never replaced
	require.NoError(t, err)
	before := len(d.requests)
	require.NoError(t, b.Replace(t.Context(), "timestamp.json", old, []byte("2")))
	assert.Len(t, d.requests, before+1)

	old, err = b.Read(t.Context(), "timestamp.json")
	require.NoError(t, err)
	d.objects["/b/p/timestamp.json"] = []byte("3") // by another writer
	for range 2 {
		assert.ErrorIs(t, b.Replace(t.Context(), "timestamp.json", old, []byte("4")), service.ErrChanged)
	}
	assert.Equal(t, "3", string(d.objects["/b/p/timestamp.json"]))
	_, err = b.Read(t.Context(), "timestamp.json")
	require.NoError(t, err)
	assert.ErrorIs(t, b.Replace(t.Context(), "timestamp.json", []byte("2"), []byte("4")), service.ErrChanged)
	_, err = b.Read(t.Context(), "timestamp.json")
	require.NoError(t, err)
	assert.ErrorIs(t, b.Replace(t.Context(), "other.json", []byte("3"), []byte("4")), service.ErrChanged)
	assert.Equal(t, "/b/p/timestamp.json", d.last(t, http.MethodPut).URL.Path)
	require.NoError(t, b.Replace(t.Context(), "timestamp.json", []byte("3"), []byte("4")))
	assert.Equal(t, "4", string(d.objects["/b/p/timestamp.json"]))
	old, err = b.Read(t.Context(), "timestamp.json")
	require.NoError(t, err)
	old[0] = '3' // whoever has read it may change what it was given
	assert.ErrorIs(t, b.Replace(t.Context(), "timestamp.json", old, []byte("5")), service.ErrChanged)

	// Where the tag keeps nobody out it is looked at again.
	d.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("If-Match")
		return false
	}
	require.ErrorIs(t, b.Probe(t.Context()), service.ErrUnconditional)
	old, err = b.Read(t.Context(), "timestamp.json")
	require.NoError(t, err)
	d.objects["/b/p/timestamp.json"] = []byte("5")
	assert.ErrorIs(t, b.Replace(t.Context(), "timestamp.json", old, []byte("6")), service.ErrChanged)
}

// Only what is right under the prefix is a metadata file.
func TestListed(t *testing.T) {
	t.Parallel()
	d, b := newBucket(t)
	require.NoError(t, b.Create(t.Context(), "1.root.json", []byte("{}")))
	d.objects["/b/p/"] = nil // a folder, as a console makes it
	d.objects["/b/other"] = nil
	names, err := b.List(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"1.root.json"}, names)
	assert.Equal(t, "/", d.last(t, http.MethodGet).URL.Query().Get("delimiter"), "or it lists folders too")
}

func TestMissing(t *testing.T) {
	t.Parallel()
	d, b := newBucket(t)
	_, err := b.Read(t.Context(), "timestamp.json")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.EqualError(t, err, "p/timestamp.json: file does not exist")
	d.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		fail(w, http.StatusNotFound, "NoSuchKey", "")
		return true
	}
	assert.NoError(t, b.Remove(t.Context(), "timestamp.json"), "some stores do not say that it is deleted")

	// Only a missing object is a missing file.
	for code, status := range map[string]int{"NoSuchBucket": 404, "AccessDenied": 403, "": 404, "InternalError": 500} {
		d.answer = func(w http.ResponseWriter, _ *http.Request) bool {
			fail(w, status, code, "text")
			return true
		}
		_, err := b.Read(t.Context(), "timestamp.json")
		assert.Error(t, err, code)
		assert.NotErrorIs(t, err, fs.ErrNotExist, code)
		assert.Error(t, b.Remove(t.Context(), "timestamp.json"), code)
	}
}

// Whatever a store answers ends in an error of one short line that has no
// credentials.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	write := func(status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"no XML":          write(500, "<html>\n\nno"),
		"empty":           write(403, ""),
		"a long message":  write(400, "<Error><Code>X</Code><Message>"+strings.Repeat("long\n\x1b[31m", 1000)+"</Message></Error>"),
		"a long code":     write(400, "<Error><Code>"+strings.Repeat("ü", 1000)+"</Code></Error>"),
		"moved":           write(301, "<Error><Code>PermanentRedirect</Code><Message>use another\nregion</Message></Error>"),
		"not implemented": write(501, "<Error><Code>NotImplemented</Code></Error>"),
		"conflict":        write(409, "<Error><Code>ConditionalRequestConflict</Code></Error>"),
		"precondition":    write(412, "<Error><Code>PreconditionFailed</Code></Error>"),
		"teapot":          write(418, "\x00"),
		"the end":         func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"half an answer": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "100")
			return write(200, "half")(w, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, b := newBucket(t)
			d.answer = answer
			_, readErr := b.Read(t.Context(), "2.root.json")
			_, listErr := b.List(t.Context())
			errs := []error{readErr, listErr}
			if name != "half an answer" { // a PUT's answer has no body that counts
				errs = append(errs, b.Create(t.Context(), "2.root.json", []byte("{}")), b.Replace(t.Context(), "2.root.json", nil, []byte("{}")), b.Remove(t.Context(), "2.root.json"))
			}
			for _, err := range errs {
				require.Error(t, err)
				assert.Less(t, len(err.Error()), 420)
				assert.True(t, strings.HasPrefix(err.Error(), "bucket b: "), err.Error())
				for _, not := range []string{"\n", "\x1b", "access-key", "secret-key", "session-token", "http://", "Signature"} {
					assert.NotContains(t, err.Error(), not)
				}
			}
		})
	}
}

// A file without end is not read to its end, and a list without end neither.
func TestEndlessAnswers(t *testing.T) {
	t.Parallel()
	d, b := newBucket(t)
	written := make(chan int, 1)
	d.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		chunk := make([]byte, 1<<20)
		for n := 0; ; n++ {
			if _, err := w.Write(chunk); err != nil || n == 10*metadata.MaxSize/len(chunk) {
				written <- n * len(chunk)
				return true
			}
		}
	}
	_, err := b.Read(t.Context(), "1.targets.json")
	assert.ErrorContains(t, err, "larger than 33554432 bytes")
	assert.Less(t, <-written, 5*metadata.MaxSize, "the connection is closed before the end")

	pages := 0
	d.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		pages++
		fmt.Fprint(w, `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken><Contents><Key>p/x</Key></Contents><Contents><Key>q/y</Key></Contents></ListBucketResult>`)
		return true
	}
	names, err := b.List(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, pages)
	assert.Equal(t, []string{"x", "x"}, names)
}

func TestTimeoutAndContext(t *testing.T) {
	t.Parallel()
	d := newDouble()
	released := make(chan struct{})
	d.answer = func(http.ResponseWriter, *http.Request) bool {
		<-released
		return false
	}
	defer d.server.Close()
	defer close(released)
	b, err := bucket.New(d.client(), bucket.Config{Bucket: "b", Timeout: 20 * time.Millisecond})
	require.NoError(t, err)
	operations := map[string]func(context.Context) error{
		"get x":    func(ctx context.Context) error { _, err := b.Read(ctx, "x"); return err },
		"list ":    func(ctx context.Context) error { _, err := b.List(ctx); return err },
		"put x":    func(ctx context.Context) error { return b.Create(ctx, "x", nil) },
		"put y":    func(ctx context.Context) error { return b.Replace(ctx, "y", nil, nil) },
		"delete x": func(ctx context.Context) error { return b.Remove(ctx, "x") },
	}
	for name, do := range operations {
		err := do(t.Context())
		assert.EqualError(t, err, "bucket b: "+name+": no answer in time (20ms)")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		assert.ErrorIs(t, do(ctx), context.Canceled, name)
	}
	assert.ErrorContains(t, b.Probe(t.Context()), ".tmp: no answer in time (20ms)")
	assert.NoError(t, b.Sync(t.Context()))
}

// A store that does not say what is there has not said that it is something else: nobody
// takes that for another writer.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	d, b := newBucket(t)
	old := []byte("1")
	require.NoError(t, b.Create(t.Context(), "timestamp.json", old))
	for _, seen := range []bool{false, true} {
		if seen {
			_, err := b.Read(t.Context(), "timestamp.json")
			require.NoError(t, err)
		}
		d.answer = func(w http.ResponseWriter, _ *http.Request) bool {
			fail(w, http.StatusInternalServerError, "InternalError", "")
			return true
		}
		err := b.Replace(t.Context(), "timestamp.json", old, []byte("2"))
		assert.ErrorContains(t, err, "InternalError")
		assert.NotErrorIs(t, err, service.ErrChanged)
		d.answer = nil
	}
	// What is there already is not written again.
	before := len(d.requests)
	require.NoError(t, b.Replace(t.Context(), "timestamp.json", old, old))
	assert.Len(t, d.requests, before+1)
	assert.Equal(t, http.MethodGet, d.requests[before].Method)
}

// Addresses and what a credentials helper says do not carry secrets or lines.
func TestNoStore(t *testing.T) {
	t.Parallel()
	d, _ := newBucket(t)
	d.server.Close()
	b, err := bucket.New(d.client(), bucket.Config{Bucket: "b"})
	require.NoError(t, err)
	_, err = b.Read(t.Context(), "x")
	assert.Regexp(t, `^bucket b: get x: dial tcp \S+: connect: connection refused$`, err)

	helper := errors.New("the helper\nsays no")
	b, err = bucket.New(d.client(func(o *s3.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, helper })
	}), bucket.Config{Bucket: "b"})
	require.NoError(t, err)
	_, err = b.Read(t.Context(), "x")
	assert.ErrorIs(t, err, helper)
	assert.ErrorContains(t, err, "the helper says no")
}

// As many connections are kept as a publication has requests at once.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	const atOnce = 16
	d := newDouble()
	t.Cleanup(d.server.Close)
	var made atomic.Int64
	var round atomic.Pointer[sync.WaitGroup]
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		round.Load().Done()
		round.Load().Wait() // for the others
		d.ServeHTTP(w, r)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := d.client(func(o *s3.Options) { o.HTTPClient, o.BaseEndpoint = awshttp.NewBuildableClient(), &server.URL })
	b, err := bucket.New(client, bucket.Config{Bucket: "b"})
	require.NoError(t, err)
	for version := range 4 {
		var arrived, answered sync.WaitGroup
		arrived.Add(atOnce)
		round.Store(&arrived)
		for i := range atOnce {
			answered.Go(func() {
				assert.NoError(t, b.Create(t.Context(), fmt.Sprintf("%d.bins-%d.json", version+1, i), []byte("{}")))
			})
		}
		answered.Wait()
	}
	// One that is about to be kept may come too late for the next round.
	assert.Less(t, made.Load(), int64(atOnce+4))
}
