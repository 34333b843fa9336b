package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/health"
	"example.org/rstuf/health/page"
	"example.org/rstuf/keys"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// shown is a repository whose page a person sees.
type shown struct {
	name string // of its picture in docs/
	opts []rstuftest.Option
	// later is how long after it was made it is looked at.
	later time.Duration
	// says is what stands on the page, in its first lines or among what to do.
	says []string
}

func allShown() []shown {
	people := rstuftest.WithRootKeys(2, keys.Ed25519, keys.ECDSAP256, keys.RSA2048)
	roles := []rstuftest.Option{people}
	for _, name := range []string{"agent", "cli", "dashboard", "firmware", "sdk"} {
		roles = append(roles, rstuftest.WithRole(ceremony.Role{Name: name, Paths: []string{name + "/*"}, Threshold: 2}, "ann-"+name, "bob-"+name, "cem-"+name))
	}
	return []shown{
		{"quickstart", []rstuftest.Option{people, rstuftest.WithArtifacts(12)}, 0, []string{"0 errors", "There is nothing to do"}},
		{"delegations", roles, 0, []string{"5 documents waiting for signatures", "agent", "sdk"}},
		{"expired", []rstuftest.Option{people, rstuftest.WithArtifacts(12)}, 2 * 366 * 24 * time.Hour, []string{"5 errors", "it has ended", "look at the service that signs"}},
		{"first-generation", []rstuftest.Option{rstuftest.WithFirstGeneration(), people, rstuftest.WithArtifacts(12)}, 0, []string{"0 errors"}},
	}
}

// checkShown has the browser open the page of each repository, and with a folder
// leaves a picture of each there, and the report.
func checkShown(ctx context.Context, b headless, folder string) error {
	for _, show := range allShown() {
		if err := show.check(ctx, b, folder); err != nil {
			return fmt.Errorf("the page of %s: %w", show.name, err)
		}
		fmt.Printf("%-30s says %s\n", "the page of "+show.name+":", strings.Join(show.says, ", "))
	}
	return nil
}

func (show shown) check(ctx context.Context, b headless, folder string) error {
	repo, end, err := start(ctx, show.opts...)
	if err != nil {
		return err
	}
	defer end()
	now := func() time.Time { return time.Now().Add(show.later) }
	reader, err := repository.New(repository.Config{MetadataURL: repo.MetadataURL, AllowExpiredUnsafe: true, Now: now}, repository.TrustRoot(repo.RootJSON))
	if err != nil {
		return err
	}
	examine := func(ctx context.Context, mostBins int) *health.Report {
		return health.Examine(ctx, health.Config{Reader: reader, API: repo.Client, Now: now, MostBins: mostBins})
	}
	server := httptest.NewServer(withMeasure(page.NewHandler(page.Live{
		Options: page.Options{Title: "Repository of example.org", Trust: "the root in root.json"},
		Examine: examine,
		Find:    reader.Find,
	})))
	defer server.Close()
	if err := b.see(ctx, server.URL, "/", show.says...); err != nil {
		return err
	}
	if folder == "" {
		return nil
	}
	report, err := json.MarshalIndent(examine(ctx, 0), "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(folder, "health-"+show.name)
	if err := os.WriteFile(file+".json", append(report, '\n'), 0o644); err != nil {
		return err
	}
	return b.picture(ctx, server.URL+"/", file+".png", "1000,900")
}

// withMeasure has the page that measures others beside them. It alone may have
// them in a frame.
func withMeasure(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/measure.html", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, measure) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		if r.Header.Get("Sec-Fetch-Dest") == "iframe" {
			w.Header().Del("X-Frame-Options")
			w.Header().Set("Content-Security-Policy", strings.ReplaceAll(w.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'", ""))
		}
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	})
	return mux
}

// checkDocs has the browser open the page that shows the service's API.
func checkDocs(ctx context.Context, b headless) error {
	repo, end, err := start(ctx)
	if err != nil {
		return err
	}
	defer end()
	server := httptest.NewServer(withMeasure(repo.Service.Handler()))
	defer server.Close()
	for _, b.dark = range []bool{false, true} {
		if err := b.see(ctx, server.URL, "/docs", "/api/v1/artifacts/"); err != nil {
			return fmt.Errorf("/docs of the service: %w", err)
		}
	}
	fmt.Println("/docs of the service:          nothing in the console; readable at 360 and 1,400 pixels, light and dark")
	return nil
}
