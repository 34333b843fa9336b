package bucket_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// double speaks as much of S3 as the storage needs, and can answer wrongly.
// Module servertest runs the same against a real server.
type double struct {
	server *httptest.Server

	mu       sync.Mutex
	objects  map[string][]byte // by path: /bucket/key
	requests []*http.Request
	// answer, if set, answers in place of the double; false means that it
	// does not want to.
	answer func(w http.ResponseWriter, r *http.Request) bool
}

func newDouble() *double {
	d := &double{objects: map[string][]byte{}}
	d.server = httptest.NewServer(d)
	return d
}

// tlsServer is the double with TLS.
func tlsServer(d *double) *httptest.Server { return httptest.NewTLSServer(d) }

func (d *double) client(change ...func(*s3.Options)) *s3.Client {
	return s3.New(s3.Options{
		Region: "eu-central-1", BaseEndpoint: &d.server.URL, UsePathStyle: true, HTTPClient: d.server.Client(), Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "access-key", SecretAccessKey: "secret-key", SessionToken: "session-token"}, nil
		}),
	}, change...)
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if sum := sha256.Sum256(body); r.Method == http.MethodPut && r.Header.Get("X-Amz-Checksum-Sha256") != base64.StdEncoding.EncodeToString(sum[:]) {
		fail(w, http.StatusBadRequest, "BadDigest", "the checksum is not that of the content")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, r)
	if d.answer != nil && d.answer(w, r) {
		return
	}
	old, exists := d.objects[r.URL.Path]
	switch {
	case r.URL.Query().Get("list-type") == "2":
		d.list(w, r.URL.Path+"/", r.URL.Query().Get("prefix"))
	case r.Method == http.MethodPut:
		if exists && r.Header.Get("If-None-Match") == "*" || r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != tag(old) {
			fail(w, http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
			return
		}
		d.objects[r.URL.Path] = body
	case r.Method == http.MethodDelete:
		delete(d.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	case !exists:
		fail(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	default:
		w.Header().Set("ETag", tag(old))
		_, _ = w.Write(old)
	}
}

func (d *double) list(w io.Writer, bucket, prefix string) {
	type object struct{ Key string }
	var out struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []object
	}
	for path := range d.objects {
		if key, ok := strings.CutPrefix(path, bucket); ok && strings.HasPrefix(key, prefix) {
			out.Contents = append(out.Contents, object{key})
		}
	}
	slices.SortFunc(out.Contents, func(a, b object) int { return strings.Compare(a.Key, b.Key) })
	_ = xml.NewEncoder(w).Encode(out)
}

func tag(data []byte) string { return fmt.Sprintf(`"%x"`, sha256.Sum256(data)) }

func fail(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName       xml.Name `xml:"Error"`
		Code, Message string
	}{Code: code, Message: message})
}
