package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/hashicorp/go-retryablehttp"

	"example.org/rstuf"
)

// call is one request to the API.
type call struct {
	method, path string // path is below apiPrefix
	query        url.Values
	body         []byte
	// repeat: doing it twice is the same as doing it once.
	repeat bool
}

// do sends the call and decodes the answer's data. An answer without data
// leaves data as it is.
func (c *Client) do(ctx context.Context, call call, data any) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", call.method, call.path, ctx.Err())
	}
	if call.repeat {
		ctx = withRepeat(ctx)
	}
	target := c.base + call.path
	if len(call.query) > 0 {
		target += "?" + call.query.Encode()
	}
	var body any
	if call.body != nil {
		body = call.body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, call.method, target, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", call.method, call.path, err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answered := false
	handle := func(resp *http.Response) error {
		answered = true
		return c.read(resp, call, data)
	}
	req.SetResponseHandler(handle)
	resp, err := c.http.Do(req)
	if err == nil && !answered {
		err = handle(resp) // the answer that was one too many to retry
	}
	return call.explain(ctx, target, err)
}

// explain gives an error its place. What the service said explains itself.
func (call call) explain(ctx context.Context, target string, err error) error {
	var answer *Error
	if err == nil || errors.As(err, &answer) {
		return err
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err // it repeats method and URL
	}
	var redirect errRedirect
	var content *contentError
	var token errToken
	switch {
	case ctx.Err() != nil && !call.repeat && !notSent(err) && !errors.As(err, &token):
		return fmt.Errorf("%s %s: %w; the service may have acted on the request", call.method, call.path, err)
	case ctx.Err() != nil:
		return fmt.Errorf("%s %s: %w", call.method, call.path, err)
	case errors.As(err, &redirect), errors.As(err, &content), errors.As(err, &token):
		return fmt.Errorf("%s %s: %w", call.method, target, err)
	case !call.repeat && !notSent(err):
		return fmt.Errorf("%s %s: %w: the answer was lost, and the service may have acted on the request: %w", call.method, target, ErrUnavailable, err)
	}
	return fmt.Errorf("%s %s: %w: %w", call.method, target, ErrUnavailable, err)
}

// read takes the whole answer and closes its body.
func (c *Client) read(resp *http.Response, call call, data any) error {
	defer resp.Body.Close()
	body, err := readBody(resp, c.maxAnswer)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return newError(call, resp, body)
	}
	// Data is absent when there is nothing to tell, and one error comes with
	// status 200.
	answer := struct {
		Data   any             `json:"data"`
		Detail json.RawMessage `json:"detail"`
	}{Data: data}
	if err := json.Unmarshal(body, &answer); err != nil {
		return badContent(body, err)
	}
	if answer.Detail != nil {
		return newError(call, resp, body)
	}
	return nil
}

func readBody(resp *http.Response, most int64) ([]byte, error) {
	var buf bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= most {
		buf.Grow(int(n) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return nil, err
	case n > most:
		return nil, &contentError{reason: fmt.Sprintf("the answer is larger than %d bytes", most)}
	}
	return buf.Bytes(), nil
}

// badContent is the error for a success that does not decode.
func badContent(body []byte, err error) error {
	text := bytes.TrimSpace(body)
	var syntax *json.SyntaxError
	switch {
	case len(text) == 0:
		return &contentError{reason: "the answer is empty", cut: true}
	case text[0] == '<':
		return &contentError{reason: "the answer is a web page, not the API's: check the URL and the proxies on the way"}
	case errors.As(err, &syntax):
		return &contentError{reason: "the answer is not JSON: " + err.Error(), cut: syntax.Offset >= int64(len(body))}
	}
	return &contentError{reason: "the answer is not the API's: " + err.Error()}
}

// maxPlain bounds what an error tells of a body that is not the API's.
const maxPlain = 200

func newError(call call, resp *http.Response, body []byte) error {
	e := &Error{Method: call.method, Path: call.path, Status: resp.StatusCode, RetryAfter: retryAfter(resp)}
	var known rstuf.ErrorBody
	if json.Unmarshal(body, &known) == nil {
		e.Message, e.Detail, e.Fields = known.Message, known.Reason, known.Fields
	} else {
		e.Message = plainText(body)
	}
	if e.Message == "" && e.Detail == "" && len(e.Fields) == 0 {
		e.Message = http.StatusText(e.Status)
	}
	e.classify()
	return e
}

// plainText is the start of a body that some proxy wrote; nothing of a web
// page.
func plainText(body []byte) string {
	text := oneLine(string(body[:min(len(body), maxPlain)]))
	if strings.HasPrefix(text, "<") {
		return ""
	}
	return text
}
