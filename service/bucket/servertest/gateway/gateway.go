// Package gateway is the S3 server of Versity's gateway in this process, with its
// files in a folder: it checks signatures, conditional requests, paging and bucket
// policies as AWS does.
package gateway

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// The one account.
const (
	AccessKey = "test-access-key"
	SecretKey = "test-secret-key"
)

// Gateway is the server. It is asked through its handler, which a client takes for
// the server itself; one of StartPlain has none.
type Gateway struct {
	http.Handler
	dial   *http.Transport
	cancel context.CancelFunc
	ended  chan error
}

// Objects is the folder in dir with one folder for each bucket, in which each
// object is a file.
func Objects(dir string) string { return filepath.Join(dir, "objects") }

// Start starts the one gateway of this process, with its files in dir.
func Start(dir string) (*Gateway, error) {
	socket := filepath.Join(dir, "s3")
	g, err := start(dir, socket, "unix", socket)
	if err != nil {
		return nil, err
	}
	g.dial = &http.Transport{MaxIdleConnsPerHost: 32, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	g.Handler = whole(&httputil.ReverseProxy{
		Transport: g.dial,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "gateway"})
			r.Out.Host = r.In.Host // the signature covers it
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	})
	return g, nil
}

// StartPlain starts it at a TCP address, where it is asked itself: nothing keeps
// readers and writers apart there, and each request costs less.
func StartPlain(dir, address string) (*Gateway, error) { return start(dir, address, "tcp", address) }

func start(dir, port, network, address string) (*Gateway, error) {
	backend, err := newBackend(dir)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	g := &Gateway{cancel: cancel, ended: make(chan error, 1), dial: &http.Transport{}}
	go func() {
		g.ended <- embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
			RootUserAccess: AccessKey, RootUserSecret: SecretKey, Ports: []string{port},
			MaxConnections: 1000, MaxRequests: 1000, MultipartMaxParts: 1, Quiet: true, KeepAlive: true,
		})
	}()
	if err := listening(network, address, g.ended); err != nil {
		cancel()
		return nil, err
	}
	return g, nil
}

// newBackend keeps what belongs to an object in attributes of its file, or in files of
// their own, which costs far more, where the file system has no attributes.
func newBackend(dir string) (*posix.Posix, error) {
	attributes := filepath.Join(dir, "attributes")
	for _, sub := range []string{Objects(dir), attributes} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return nil, err
		}
	}
	if (meta.XattrMeta{}).Test(Objects(dir)) == nil {
		return posix.New(Objects(dir), meta.XattrMeta{}, posix.PosixOpts{})
	}
	store, err := meta.NewSideCar(attributes)
	if err != nil {
		return nil, err
	}
	return posix.New(Objects(dir), store, posix.PosixOpts{SideCarDir: attributes})
}

// Close ends the gateway.
func (g *Gateway) Close() error {
	g.dial.CloseIdleConnections()
	g.cancel()
	return <-g.ended
}

// listening waits for the gateway.
func listening(network, address string, ended <-chan error) error {
	for deadline := time.Now().Add(time.Minute); ; {
		conn, err := net.Dial(network, address)
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("the gateway has ended: %w", err)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// whole lets nobody read an object while somebody writes it: the gateway reads its
// entity tag and its content one after the other, and a reader could get the old
// content with the new tag. Nobody waits for a client meanwhile, and a request that has
// come is done whether or not its client is still there.
func whole(next http.Handler) http.Handler {
	var objects [256]sync.RWMutex // by the hash of the path
	seed := maphash.MakeSeed()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, err := body.ReadFrom(r.Body)
		r = r.WithContext(context.WithoutCancel(r.Context()))
		r.Body = io.NopCloser(io.MultiReader(&body, after{err}))
		answer := httptest.NewRecorder()
		serve(&objects[maphash.String(seed, r.URL.Path)%uint64(len(objects))], next, answer, r)
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

func serve(mu *sync.RWMutex, next http.Handler, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		mu.RLock()
		defer mu.RUnlock()
	} else {
		mu.Lock()
		defer mu.Unlock()
	}
	next.ServeHTTP(w, r)
}

// after is the end of a body: io.EOF, or why there is no more of it.
type after struct{ err error }

func (a after) Read([]byte) (int, error) { return 0, cmp.Or(a.err, io.EOF) }
