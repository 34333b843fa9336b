package page

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"example.org/rstuf/health"
	"example.org/rstuf/repository"
)

// Live says what a page that is served shows. Examine must be set.
type Live struct {
	Options
	// Examine looks at the repository, as [health.Config.MostBins] has it. It is
	// called by one request at a time, and the others wait for its report.
	Examine func(ctx context.Context, mostBins int) *health.Report
	// Find looks an artifact up; without it there is no form.
	Find func(ctx context.Context, path string) (repository.Artifact, error)
	// MaxAge is how long a report is shown; 10 seconds by default. One that took
	// long to make is shown ten times as long as that took.
	MaxAge time.Duration
	// Logout has a button to log out, which posts to /logout.
	Logout bool
}

// mostBins is how many hash bins are looked at without being asked: thousands of
// files are much to read for a page that somebody glances at.
const mostBins = 256

// NewHandler shows a repository at "/", to everybody who may call it. Of a
// repository with many hash bins "/?bins=all" looks at them all.
func NewHandler(live Live) http.Handler {
	if live.MaxAge <= 0 {
		live.MaxAge = 10 * time.Second
	}
	return &handler{Live: live, looking: make(chan struct{}, 1)}
}

type handler struct {
	Live
	looking chan struct{} // held by whoever looks, or uses what was seen
	short   look          // with no more than mostBins hash bins
	whole   look          // with all of them
}

// look is a report that is shown for a while.
type look struct {
	report *health.Report
	at     time.Time
	took   time.Duration
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	SetHeader(w.Header())
	switch {
	case r.URL.Path != "/":
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	query := r.URL.Query()
	report, age, err := h.current(r.Context(), query.Get("bins") == "all")
	if err != nil {
		http.Error(w, "the look took too long", http.StatusServiceUnavailable)
		return
	}
	v := newView(report, h.Options)
	v.Live, v.Logout, v.Ago = h.Find != nil, h.Logout, age
	if path := query.Get("artifact"); path != "" && h.Find != nil {
		found, err := h.Find(r.Context(), path)
		v.Lookup = newLookup(path, found, err)
	}
	var b bytes.Buffer
	if err := write(&b, v); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	send(w, b.Bytes())
}

// pauses is how many times as long as a look takes nobody looks again: so much of
// the time at most is spent on it, whoever asks.
const pauses = 10

// current is the last report, or a new one if that is too old.
func (h *handler) current(ctx context.Context, whole bool) (*health.Report, health.Seconds, error) {
	select {
	case h.looking <- struct{}{}:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	defer func() { <-h.looking }()
	last, most := &h.short, mostBins
	if whole {
		last, most = &h.whole, 0
	}
	if last.report == nil || time.Since(last.at) >= max(h.MaxAge, pauses*last.took) {
		start := time.Now()
		report := h.Examine(ctx, most)
		if ctx.Err() != nil { // whoever asked is gone: others ask again
			return nil, 0, ctx.Err()
		}
		*last = look{report, time.Now(), time.Since(start)}
	}
	return last.report, health.Seconds(time.Since(last.at) / time.Second), nil
}

// SetHeader sets the headers of a page of this package, by which a browser takes
// nothing from elsewhere, shows it in no frame and keeps it nowhere.
func SetHeader(header http.Header) {
	header.Set("Content-Security-Policy", contentPolicy+"; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
}

func send(w http.ResponseWriter, page []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	_, _ = w.Write(page) // an error means that the browser is gone
}
