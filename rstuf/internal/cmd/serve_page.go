package cmd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"example.org/rstuf/client"
	"example.org/rstuf/health"
	"example.org/rstuf/health/page"
	"example.org/rstuf/repository"
	"example.org/rstuf/service"
)

// pageTimeout bounds one look at the repository for the page.
const pageTimeout = time.Minute

// statusPage shows how the service's repository is at "/" of the API's address,
// to those with a token that may read the settings where tokens are asked for.
// All else goes to the API.
type statusPage struct {
	api, files       http.Handler
	apiURL, filesURL string
	hosts            []string
	page             http.Handler
}

// newStatusPage makes it of the service's own handlers, which it calls itself:
// there is no other way in, and what a token may not see there is not on the page.
func newStatusPage(api, files http.Handler, tokens bool, hosts []string) *statusPage {
	s := &statusPage{api: api, files: files, hosts: hosts}
	if !tokens {
		s.page = s.live(true, "")
	} else {
		s.page = page.NewLogin(page.Login{Title: pageTitle, May: s.mayRead, Page: func(token string) http.Handler { return s.live(true, token) }})
	}
	s.page = service.BoundWrites(ownHosts(s.page, hosts))
	return s
}

const pageTitle = "RSTUF repository"

// listensAt tells the addresses that the page names, once they are known.
func (s *statusPage) listensAt(api, files string) { s.apiURL, s.filesURL = api, files }

func (s *statusPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/", "/login", "/logout":
		s.page.ServeHTTP(w, r)
	default:
		s.api.ServeHTTP(w, r)
	}
}

// mayRead asks the API itself whether the token may read the settings. The answer
// counts towards the limits of whoever asks.
func (s *statusPage) mayRead(r *http.Request, token string) bool {
	status := func(path string) int {
		ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://localhost/api/v1"+path, nil)
		if err != nil {
			return 0
		}
		ask.RemoteAddr = r.RemoteAddr
		ask.Header.Set("Authorization", "Bearer "+token)
		answer, err := inProcess{s.api}.RoundTrip(ask)
		if err != nil {
			return 0
		}
		return answer.StatusCode
	}
	switch status("/config/") {
	case http.StatusOK:
		return true
	case http.StatusNotFound: // there is no repository yet, or nobody may ask
		return status("/bootstrap/") == http.StatusOK
	}
	return false
}

// ofMetadata shows the page at "/" of the address of the metadata files, made of
// nothing but these, which everybody may read.
func (s *statusPage) ofMetadata() http.Handler {
	page := service.BoundWrites(ownHosts(s.live(false, ""), s.hosts))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			page.ServeHTTP(w, r)
			return
		}
		s.files.ServeHTTP(w, r)
	})
}

// live is the page that somebody with a token sees, or of the metadata alone.
func (s *statusPage) live(withAPI bool, token string) http.Handler {
	reader := &ownReader{page: s}
	return page.NewHandler(page.Live{
		Options: page.Options{Title: pageTitle, Trust: "the first root of this service"},
		Logout:  token != "",
		Find:    reader.find,
		Examine: func(ctx context.Context, mostBins int) *health.Report {
			cfg := health.Config{Timeout: pageTimeout, MostBins: mostBins}
			if withAPI {
				cfg.API, _ = client.New(s.apiURL, client.Config{
					HTTPClient: &http.Client{Transport: inProcess{s.api}}, Retries: -1,
					Token: tokenSource(token),
				})
			}
			cfg.Reader, _ = reader.get(ctx)
			return examineAgain(ctx, cfg)
		},
	})
}

func tokenSource(token string) client.TokenSource {
	if token == "" {
		return nil
	}
	return func(context.Context) (string, error) { return token, nil }
}

// ownReader reads the service's repository, once there is one.
type ownReader struct {
	page *statusPage
	mu   sync.Mutex
	one  *repository.Reader
}

func (o *ownReader) get(ctx context.Context) (*repository.Reader, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.one != nil {
		return o.one, nil
	}
	http := repository.HTTPConfig{HTTPClient: &http.Client{Transport: inProcess{o.page.files}}, Retries: -1}
	first, err := repository.FirstRootUnsafe(ctx, o.page.filesURL, http)
	if err != nil {
		return nil, err
	}
	o.one, err = repository.New(repository.Config{MetadataURL: o.page.filesURL, HTTP: http, AllowExpiredUnsafe: true}, repository.TrustRoot(first))
	return o.one, err
}

// find looks up what the last look has seen.
func (o *ownReader) find(ctx context.Context, path string) (repository.Artifact, error) {
	reader, err := o.get(ctx)
	if err != nil {
		return repository.Artifact{}, err
	}
	return reader.Find(ctx, path)
}

// inProcess carries requests to a handler of this process.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	defer func() {
		if v := recover(); v != nil { // as a server does
			err = fmt.Errorf("the answer broke off: %v", v)
		}
	}()
	if r.Body != nil {
		defer r.Body.Close()
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	own := r.Clone(r.Context())
	own.Host = "localhost" // whatever address it listens at
	if own.Body == nil {
		own.Body = http.NoBody // as a server has it
	}
	p.handler.ServeHTTP(w, own)
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Header: w.header, Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}, r.Context().Err()
}

// recorder keeps an answer in memory: those of the service are bounded.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header            { return w.header }
func (w *recorder) WriteHeader(status int)         { w.status = status }
func (w *recorder) Write(data []byte) (int, error) { return w.body.Write(data) }
