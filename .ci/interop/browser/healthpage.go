package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"example.org/rstuf/health"
	"example.org/rstuf/health/page"
	"example.org/rstuf/repository"
)

// measure opens the page that its address names, as measure.html?page, in a frame
// of several widths and writes what is wrong with it: what is too wide, what has no
// label, and text that can't be told from what it stands on (less than 4.5 to 1,
// WCAG 2 AA).
const measure = `<!doctype html><title>Measure</title><iframe id=frame height=4000></iframe><pre id=out></pre>
<script>
const wrong = []
const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
const rgb = text => text.match(/[\d.]+/g).map(Number)
const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05)
function below(element, view) {
	for (let e = element; e; e = e.parentElement) {
		const colour = rgb(view.getComputedStyle(e).backgroundColor)
		if (colour.length === 3 || colour[3] > 0) return colour
	}
	return [255, 255, 255]
}
function look(width) {
	const view = frame.contentWindow, page = frame.contentDocument
	if (page.documentElement.scrollWidth > width) wrong.push(width + " pixels: the page is " + page.documentElement.scrollWidth + " wide")
	if (page.documentElement.lang !== "en") wrong.push("the page has no language")
	const box = page.querySelector("svg rect.role")
	for (const e of page.querySelectorAll("svg")) if (!e.getAttribute("aria-label")) wrong.push("a picture without a name")
	for (const e of page.querySelectorAll("input")) if (!e.labels.length) wrong.push("an input without a label")
	for (const e of page.querySelectorAll("section")) if (!page.getElementById(e.getAttribute("aria-labelledby"))) wrong.push("a section without a heading")
	for (const e of page.querySelectorAll("h1, h2, p, li, td, th, strong, code, button, svg text")) {
		if (!e.textContent.trim()) continue
		const inPicture = e.closest("svg"), style = view.getComputedStyle(e)
		const on = inPicture && box ? rgb(view.getComputedStyle(box).fill) : below(e, view)
		const ratio = contrast(rgb(inPicture ? style.fill : style.color), on)
		if (ratio < 4.5) wrong.push("contrast " + ratio.toFixed(1) + ": " + e.textContent.trim().slice(0, 40))
	}
	return page.querySelectorAll("h2").length
}
frame.onload = () => {
	let seen = 0
	for (const width of [360, 1400]) {
		frame.width = width
		frame.style.border = 0
		seen = look(width)
	}
	out.textContent = "measured " + seen + " headings\n" + [...new Set(wrong)].map(w => "WRONG " + w).join("\n")
}
frame.src = location.search.slice(1)
</script>`

// checkHealthPage has the browser open the page of rstuf health, as it is served
// and as a file: nothing stands in the console, nothing is asked of anybody else,
// and it can be read. With a folder it leaves pictures there.
func checkHealthPage(ctx context.Context, browser, folder string) error {
	repo, end, err := start(ctx)
	if err != nil {
		return err
	}
	defer end()
	if err := repo.Add(ctx, "tools/v1/tool", []byte("content")); err != nil {
		return err
	}
	reader, err := repository.New(repository.Config{MetadataURL: repo.MetadataURL, AllowExpiredUnsafe: true}, repository.TrustRoot(repo.RootJSON))
	if err != nil {
		return err
	}
	examine := func(ctx context.Context, mostBins int) *health.Report {
		return health.Examine(ctx, health.Config{Reader: reader, API: repo.Client, MostBins: mostBins})
	}
	var file bytes.Buffer
	opts := page.Options{Title: "Repository of example.org", Trust: "the root in root.json"}
	worst := examine(ctx, 0)
	makeWorse(worst)
	if err := page.Write(&file, worst, opts); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/page.html", func(w http.ResponseWriter, _ *http.Request) { w.Write(file.Bytes()) })
	mux.Handle("/", page.NewHandler(page.Live{Options: opts, Examine: examine, Find: reader.Find}))
	server := httptest.NewServer(withMeasure(mux))
	defer server.Close()
	others := &strangers{}
	proxy := httptest.NewServer(others)
	defer proxy.Close()
	b := headless{browser: browser, proxy: proxy.URL}
	if _, log, err := b.open(ctx, "data:text/html,<script>console.error('heard')</script>"); err != nil || !strings.Contains(log, "heard") {
		return fmt.Errorf("the browser's console is not heard: %w: %s", err, log)
	}
	for _, b.dark = range []bool{false, true} {
		if err := errors.Join(
			b.see(ctx, server.URL, "/?artifact=tools/v1/tool", "speaks for"),
			b.see(ctx, server.URL, "/page.html", "expired 3 days ago")); err != nil {
			return err
		}
	}
	b.dark = false
	if err := errors.Join(checkShown(ctx, b, folder), checkDocs(ctx, b)); err != nil {
		return err
	}
	if list := others.asked(); len(list) > 0 {
		return fmt.Errorf("the page asked others: %v", list)
	}
	fmt.Println("the page of rstuf health:      nothing in the console, nobody else is asked; readable at 360 and 1,400 pixels, light and dark")
	if folder == "" {
		return nil
	}
	b.dark = true
	return b.picture(ctx, server.URL+"/", filepath.Join(folder, "health-phone.png"), "360,1100")
}

// makeWorse gives a report every part and colour that a page has, and long names.
func makeWorse(r *health.Report) {
	long := strings.Repeat("name-", 30)
	r.Findings = append(r.Findings,
		health.Finding{Severity: health.Error, Code: "role.expired", Role: long, Text: "version 1 expired 3 days ago", Do: "sign it"},
		health.Finding{Severity: health.Warning, Code: "role.soon", Role: "snapshot", Text: long},
		health.Finding{Severity: health.Info, Code: "role.unsigned", Role: "dev", Text: "it is not published yet"})
	r.NotSeen = append(r.NotSeen, health.NotSeen{What: "role " + long, Why: long})
	r.Pending = append(r.Pending, health.Pending{Role: long, Version: 2})
	r.Roots = append(r.Roots, r.Roots[0])
	r.Roles[3].Left = -5
	r.Roles = append(r.Roles, health.Role{Name: long, By: "targets", Left: 5, Life: 90 * 24 * 60 * 60, From: health.FromAPI})
}

// headless is a browser that speaks to this machine alone, and to the proxy of
// whoever else it asks for.
type headless struct {
	browser, proxy string
	dark           bool
}

func (h headless) command(ctx context.Context, args ...string) (*exec.Cmd, func(), error) {
	profile, err := os.MkdirTemp("", "profile-")
	if err != nil {
		return nil, nil, err
	}
	scheme := "--blink-settings=preferredColorScheme=1"
	if h.dark {
		scheme = "--blink-settings=preferredColorScheme=0"
	}
	args = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + profile, "--enable-logging=stderr", "--hide-scrollbars",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", scheme,
		"--proxy-server=" + h.proxy, "--proxy-bypass-list=127.0.0.1",
		"--timeout=15000", "--virtual-time-budget=10000",
	}, args...)
	return exec.CommandContext(ctx, h.browser, args...), func() { os.RemoveAll(profile) }, nil
}

// open gives the page as it is in the end, and what the browser wrote.
func (h headless) open(ctx context.Context, address string) (dom, log string, err error) {
	cmd, clean, err := h.command(ctx, "--dump-dom", address)
	if err != nil {
		return "", "", err
	}
	defer clean()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// see opens a page of a server that has measure.html: it says what it has to, the
// console is empty, and it can be read.
func (h headless) see(ctx context.Context, server, path string, says ...string) error {
	dom, log, err := h.open(ctx, server+path)
	if err != nil {
		return err
	}
	for _, text := range says {
		if !strings.Contains(dom, text) {
			return fmt.Errorf("%s does not say %q: %s", path, text, strings.Join(regexp.MustCompile(`<(p|li)[^>]*>[^\n]*`).FindAllString(dom, 12), "\n"))
		}
	}
	if strings.Contains(log, "CONSOLE") {
		return fmt.Errorf("the console: %s", log)
	}
	dom, _, err = h.open(ctx, server+"/measure.html?"+path)
	if err != nil {
		return err
	}
	dom, _, _ = strings.Cut(dom, "<script>")
	if wrong := regexp.MustCompile(`WRONG [^\n<]*`).FindAllString(dom, -1); len(wrong) > 0 || !regexp.MustCompile("measured [1-9]").MatchString(dom) {
		return fmt.Errorf("%s, dark %t: %q: %s", path, h.dark, wrong, dom)
	}
	return nil
}

func (h headless) picture(ctx context.Context, address, file, size string) error {
	cmd, clean, err := h.command(ctx, "--screenshot="+file, "--window-size="+size, address)
	if err != nil {
		return err
	}
	defer clean()
	return cmd.Run()
}

// strangers notes what is asked of anybody but this machine.
type strangers struct {
	mu   sync.Mutex
	list []string
}

func (s *strangers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, r.Method+" "+r.RequestURI)
	w.WriteHeader(http.StatusBadGateway)
}

func (s *strangers) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}
