package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// Config says which part of which bucket to use. Only Bucket is required.
type Config struct {
	// Bucket is the bucket's name. It must exist.
	Bucket string
	// Prefix is the folder in the bucket that holds the files, "tuf/metadata"
	// for example; empty means the top.
	Prefix string
	// Timeout is how long one file may take to be read, written or removed,
	// retries of the client included, and one page of a list; 0 means 30
	// seconds.
	Timeout time.Duration
}

// Bucket is a [service.Storage] in an S3-compatible bucket. Its methods may be
// called by several goroutines at once.
type Bucket struct {
	client  *s3.Client
	bucket  string
	prefix  string
	timeout time.Duration
	// unconditional is set once Probe has found that the store does not keep the
	// conditions of PUTs.
	unconditional atomic.Bool
	// seen is what Read has found last of a file that is replaced.
	seen atomic.Pointer[object]
}

// object is what was there under a name.
type object struct {
	name, etag string
	data       []byte
}

var _ service.Prober = (*Bucket)(nil)

// New returns a storage in a bucket. It does not ask the store for anything
// yet. For stores other than AWS set the client's BaseEndpoint, and
// UsePathStyle unless each bucket has a host name of its own.
func New(client *s3.Client, cfg Config) (*Bucket, error) {
	switch {
	case client == nil:
		return nil, errors.New("bucket: the client is nil: make one with s3.New or s3.NewFromConfig")
	case cfg.Bucket == "":
		return nil, errors.New("bucket: Config.Bucket is empty: name the bucket")
	case cfg.Timeout < 0:
		return nil, errors.New("bucket: Config.Timeout is negative")
	case cfg.Timeout == 0:
		cfg.Timeout = 30 * time.Second
	}
	prefix := strings.Trim(cfg.Prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	client = s3.New(client.Options(), keepConnections)
	return &Bucket{client: client, bucket: cfg.Bucket, prefix: prefix, timeout: cfg.Timeout}, nil
}

// Read implements [service.Storage]. Files larger than [metadata.MaxSize] are
// refused.
func (b *Bucket) Read(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	data, etag, err := b.get(ctx, name)
	if err == nil && cacheControl(name) == noCache {
		b.seen.Store(&object{name, etag, bytes.Clone(data)})
	}
	return data, b.explain(ctx, "get", name, err)
}

// Create implements [service.Storage]. The file is durable when Create returns.
func (b *Bucket) Create(ctx context.Context, name string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	return b.explain(ctx, "put", name, b.create(ctx, name, data))
}

// Sync implements [service.Storage]. There is nothing to wait for: what Create
// has acknowledged is durable.
func (b *Bucket) Sync(context.Context) error { return nil }

// Replace implements [service.Storage]. Readers see the old file or the new
// one, never a part.
func (b *Bucket) Replace(ctx context.Context, name string, old, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	// Whoever replaces a file has just read it: it has that tag, or is not replaced.
	if seen := b.seen.Swap(nil); seen != nil && seen.name == name && old != nil && bytes.Equal(seen.data, old) && !b.unconditional.Load() {
		return b.explain(ctx, "put", name, b.outcome(ctx, name, old, data, b.putIf(ctx, name, data, seen.etag)))
	}
	return b.explain(ctx, "put", name, b.replace(ctx, name, old, data))
}

// Remove implements [service.Storage].
func (b *Bucket) Remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: b.key(name)}, options)
	if answerCode(err) == codeNoSuchKey { // AWS says that it is deleted, not all stores do
		err = nil
	}
	return b.explain(ctx, "delete", name, err)
}

// List implements [service.Storage]: the names of the objects right under the
// prefix.
func (b *Bucket) List(ctx context.Context) ([]string, error) {
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{
		Bucket: &b.bucket, Prefix: &b.prefix, Delimiter: aws.String("/"),
	}, func(o *s3.ListObjectsV2PaginatorOptions) { o.StopOnDuplicateToken = true })
	var names []string
	for pages.HasMorePages() {
		page, err := b.page(ctx, pages)
		if err != nil {
			return nil, err
		}
		for _, object := range page.Contents {
			name, ok := strings.CutPrefix(aws.ToString(object.Key), b.prefix)
			if ok && name != "" { // a console makes an empty object for a folder
				names = append(names, name)
			}
		}
	}
	return names, nil
}

func (b *Bucket) page(ctx context.Context, pages *s3.ListObjectsV2Paginator) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	page, err := pages.NextPage(ctx, options)
	return page, b.explain(ctx, "list", "", err)
}

// get returns a file and its entity tag.
func (b *Bucket) get(ctx context.Context, name string) (data []byte, etag string, err error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: b.key(name)}, options)
	if answerCode(err) == codeNoSuchKey {
		return nil, "", fs.ErrNotExist
	}
	if err != nil {
		return nil, "", err
	}
	defer out.Body.Close()
	data, err = io.ReadAll(io.LimitReader(out.Body, metadata.MaxSize+1))
	if err != nil {
		return nil, "", err
	}
	if len(data) > metadata.MaxSize {
		return nil, "", fmt.Errorf("it is larger than %d bytes, the most that a metadata file may have", metadata.MaxSize)
	}
	return data, aws.ToString(out.ETag), nil
}

// create makes a file if none is there.
//
// It looks at what is there after any failure, not only after a refusal: the
// answer may have got lost, and some stores refuse a large file by closing the
// connection.
func (b *Bucket) create(ctx context.Context, name string, data []byte) error {
	if b.unconditional.Load() {
		return b.replace(ctx, name, nil, data)
	}
	return b.outcome(ctx, name, nil, data, b.putIf(ctx, name, data, ""))
}

// replace makes or replaces a file if old is there, under the entity tag that it
// had when this was seen. A PUT that the store executes late, when other content is
// there, changes nothing.
func (b *Bucket) replace(ctx context.Context, name string, old, data []byte) error {
	there, etag, err := b.get(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	if err := compare(there, etag, old, data); err != nil || etag != "" && bytes.Equal(there, data) {
		return err
	}
	return b.outcome(ctx, name, old, data, b.putIf(ctx, name, data, etag))
}

// compare tells whether a file, that is there if it has a tag, may be replaced.
func compare(there []byte, etag string, old, data []byte) error {
	switch {
	case etag != "" && bytes.Equal(there, data), etag == "" && old == nil, etag != "" && old != nil && bytes.Equal(there, old):
		return nil
	case old == nil:
		return errTaken
	}
	return service.ErrChanged
}

// errTaken is of a file that was to be new.
var errTaken = fmt.Errorf("it is there already with another content (%w, %w)", fs.ErrExist, service.ErrChanged)

// outcome is how a PUT has ended: what is there decides, not the answer.
func (b *Bucket) outcome(ctx context.Context, name string, old, data []byte, failure error) error {
	if failure == nil {
		return nil
	}
	there, etag, err := b.get(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failure
	}
	if err == nil && bytes.Equal(there, data) {
		return nil // it was stored, the answer got lost
	}
	if err := compare(there, etag, old, data); err != nil {
		return err
	}
	return failure
}

// putIf stores an object if what is there has the entity tag, or if nothing is
// there and the tag is empty; without a condition if the store knows none.
func (b *Bucket) putIf(ctx context.Context, name string, data []byte, etag string) error {
	sum := sha256.Sum256(data)
	in := &s3.PutObjectInput{
		Bucket: &b.bucket, Key: b.key(name), Body: bytes.NewReader(data),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
		ContentType:    aws.String("application/json"), CacheControl: aws.String(cacheControl(name)),
	}
	switch {
	case b.unconditional.Load():
	case etag == "":
		in.IfNoneMatch = aws.String("*")
	default:
		in.IfMatch = &etag
	}
	_, err := b.client.PutObject(ctx, in, options)
	return err
}

func (b *Bucket) key(name string) *string { return aws.String(b.prefix + name) }

// cacheControl is how long a file may be kept by whoever fetches it: those
// with a version in their name never change once something names them.
func cacheControl(name string) string {
	if name != "" && name[0] >= '1' && name[0] <= '9' {
		return "public, max-age=31536000, immutable"
	}
	return noCache
}

// noCache is of files that are replaced.
const noCache = "no-cache"

// keepConnections has the SDK's own HTTP client keep a connection for each request that
// a publication makes at once: it would close all but ten, and make others for the next.
func keepConnections(o *s3.Options) {
	if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
		o.HTTPClient = client.WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = max(t.MaxIdleConnsPerHost, 64) })
	}
}

// options leaves out the SDK's own checksums, which come in a trailer that not
// every store knows. Ours is a header, which those who don't know it pass over,
// and the service knows the hash of what it reads.
func options(o *s3.Options) {
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
}
