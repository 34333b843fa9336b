package transport

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Base is a folder that files are read from by name. It may be used from
// several goroutines.
type Base struct {
	client *Client
	folder *folder // in place of client, for a file: URL
}

// New makes a base of an http or https URL, or of a file: URL, for which the
// settings do not matter. Nothing is read yet.
func New(baseURL string, cfg Config) (*Base, error) {
	base, auth, err := parseBase(baseURL)
	if err != nil {
		return nil, err
	}
	if base.Scheme == "file" {
		return &Base{folder: newFolder(base)}, nil
	}
	client, err := newClient(base, auth, cfg)
	if err != nil {
		return nil, err
	}
	return &Base{client: client}, nil
}

// URL is the folder's URL, without credentials and without a slash at its end.
func (b *Base) URL() string {
	if b.folder != nil {
		return b.folder.url
	}
	return b.client.base
}

// Retries is how often a read that broke off is worth another try.
func (b *Base) Retries() int {
	if b.folder != nil {
		return 0
	}
	return b.client.retry.RetryMax
}

// Fetch reads a whole metadata file of the folder, of no more than so many
// bytes. The name is that of one file, percent-encoded where that is needed,
// as package metadata writes it; in a folder of this machine the file has the
// same name. An error begins with the name. The content begins as a JSON
// object does; nothing more is known of it.
func (b *Base) Fetch(ctx context.Context, name string, most int64) ([]byte, error) {
	if strings.ContainsAny(name, "/?#") || LeadsOut(name) {
		return nil, fmt.Errorf("%q is not the name of a file in the folder", name)
	}
	body, err := b.fetch(ctx, name, most)
	if err == nil {
		err = checkForm(body)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return body, nil
}

func (b *Base) fetch(ctx context.Context, name string, most int64) ([]byte, error) {
	if b.folder != nil {
		return b.folder.fetch(name, most)
	}
	return b.client.Get(ctx, b.client.base+"/"+name, most)
}

// Get reads a whole file of no more than so many bytes, counted after unpacking.
// The URL may be that of another host: it gets no credentials.
func (c *Client) Get(ctx context.Context, target string, most int64) ([]byte, error) {
	var body []byte
	var refused error // only a failure in reading is worth another try
	err := c.Do(ctx, Request{Method: http.MethodGet, URL: target, Repeat: true}, func(resp *http.Response) error {
		defer resp.Body.Close()
		if refused = nil; resp.StatusCode != http.StatusOK {
			refused = fmt.Errorf("%s: %w", target, statusError(resp.StatusCode))
			return nil
		}
		var err error
		if body, err = ReadAll(resp, most); errors.Is(err, ErrTooLarge) {
			refused, err = err, nil
		}
		return err
	})
	if err != nil {
		return nil, explain(ctx, target, err)
	}
	return body, refused
}

// ReadAll reads an answer's body of no more than so many bytes, counted after
// unpacking. A longer one is [ErrTooLarge].
func ReadAll(resp *http.Response, most int64) ([]byte, error) {
	body := io.Reader(resp.Body)
	// What net/http has unpacked by itself has no such header any more.
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		plain, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = plain
	}
	return readAll(body, resp.ContentLength, most)
}

func readAll(body io.Reader, length, most int64) ([]byte, error) {
	var buf bytes.Buffer
	if length > 0 && length <= most {
		buf.Grow(int(length) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(body, most+1))
	switch {
	case err != nil:
		return nil, err
	case n > most:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
	}
	return buf.Bytes(), nil
}

// maxShown bounds what an error tells of a file that is no JSON.
const maxShown = 20

// checkForm wants a JSON object: many servers answer with a web page for what
// they do not have.
func checkForm(body []byte) error {
	text := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(text) == 0:
		return errors.New("not JSON: it is empty")
	case text[0] != '{':
		return fmt.Errorf("not JSON: it begins with %q", text[:min(len(text), maxShown)])
	}
	return nil
}

// Body is a file that is being read.
type Body struct {
	io.ReadCloser
	// Start is where in the file it begins: where it was asked for, or at 0 if
	// the server can't begin there.
	Start int64
	// Sized: the server named the length, so that an end is the file's own.
	Sized bool
}

// Open reads a file from an offset on. The path's elements are separated by
// "/". What is read is as it is stored: nothing is unpacked. A failure of the
// server in the course of reading is [ErrUnavailable].
func (b *Base) Open(ctx context.Context, path string, from int64) (*Body, error) {
	if LeadsOut(path) {
		return nil, fmt.Errorf("%q: \".\" or \"..\" in its path leads out of the folder", path)
	}
	if b.folder != nil {
		return b.folder.open(path, from)
	}
	target := b.client.base + "/" + escapePath(path)
	body, err := b.open(ctx, target, from)
	if errors.Is(err, errNoRange) {
		return b.open(ctx, target, 0)
	}
	return body, err
}

// LeadsOut tells whether a server would take the path for that of another file
// than its own.
func LeadsOut(path string) bool {
	elements := strings.Split(path, "/")
	return slices.Contains(elements, ".") || slices.Contains(elements, "..")
}

// errNoRange: the server can't begin where it is asked to.
var errNoRange = errors.New("the server can't go on from there")

func (b *Base) open(ctx context.Context, target string, from int64) (*Body, error) {
	header := http.Header{"Accept-Encoding": {"identity"}}
	if from > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	var body *Body
	var refused error
	err := b.client.Do(ctx, Request{Method: http.MethodGet, URL: target, Header: header, Repeat: true}, func(resp *http.Response) error {
		start, err := bodyStart(resp, from)
		if refused = err; err != nil {
			resp.Body.Close()
			return nil
		}
		body = &Body{&remoteBody{resp.Body}, start, resp.ContentLength >= 0}
		return nil
	})
	if err != nil {
		return nil, explain(ctx, target, err)
	}
	if refused != nil {
		return nil, fmt.Errorf("%s: %w", target, refused)
	}
	return body, nil
}

// bodyStart tells where in the file the answer's body belongs; asked is where
// the request asked for.
func bodyStart(resp *http.Response, asked int64) (int64, error) {
	switch {
	case resp.StatusCode == http.StatusOK:
		return 0, nil
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && asked > 0:
		return 0, errNoRange
	case resp.StatusCode == http.StatusPartialContent && asked > 0:
		var from int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &from); err != nil || from != asked {
			return 0, errNoRange
		}
		return asked, nil
	}
	return 0, statusError(resp.StatusCode)
}

// remoteBody marks what goes wrong in reading.
type remoteBody struct{ io.ReadCloser }

func (b *remoteBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: the download broke off: %w", ErrUnavailable, err)
	}
	return n, err
}

// explain gives an error of the network its place, and marks it as
// [ErrUnavailable].
func explain(ctx context.Context, target string, err error) error {
	var token *TokenError
	var redirect *RedirectError
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err // it repeats the URL
	}
	switch {
	case ctx.Err() != nil, errors.As(err, &token), errors.As(err, &redirect):
		return fmt.Errorf("%s: %w", target, err)
	}
	return fmt.Errorf("%s: %w: %w", target, ErrUnavailable, err)
}
