package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/transport"
	"example.org/rstuf/internal/wire"
)

// call is one request to the API.
type call struct {
	method, path string // path is below apiPrefix
	query        url.Values
	body         []byte
	// repeat: doing it twice is the same as doing it once.
	repeat bool
}

var errNoClient = errors.New("the client is empty: make it with New")

// do sends the call and decodes the answer's data. An answer without data
// leaves data as it is.
func (c *Client) do(ctx context.Context, call call, data any) error {
	if c == nil || c.http == nil {
		return errNoClient
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", call.method, call.path, ctx.Err())
	}
	target := c.base + call.path
	if len(call.query) > 0 {
		target += "?" + call.query.Encode()
	}
	header := http.Header{"Accept": {"application/json"}}
	if call.body != nil {
		header.Set("Content-Type", "application/json")
	}
	request := transport.Request{Method: call.method, URL: target, Header: header, Body: call.body, Repeat: call.repeat}
	var outcome error // of an answer that would be the same the next time
	err := c.http.Do(ctx, request, func(resp *http.Response) error {
		outcome = c.read(resp, call, data)
		if lasts(outcome) {
			return nil
		}
		return outcome
	})
	if err == nil {
		err = outcome
	}
	return call.explain(ctx, target, err)
}

// lasts tells whether the service said so, and not the network on the way.
func lasts(err error) bool {
	var answer *Error
	var content *contentError
	return errors.As(err, &answer) || errors.As(err, &content) && !content.cut
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
	var redirect *transport.RedirectError
	var content *contentError
	var token *transport.TokenError
	switch {
	case ctx.Err() != nil && !call.repeat && !transport.NotSent(err) && !errors.As(err, &token):
		return fmt.Errorf("%s %s: %w; the service may have acted on the request", call.method, call.path, err)
	case ctx.Err() != nil:
		return fmt.Errorf("%s %s: %w", call.method, call.path, err)
	case errors.As(err, &redirect), errors.As(err, &content), errors.As(err, &token):
		return fmt.Errorf("%s %s: %w", call.method, target, err)
	case !call.repeat && !transport.NotSent(err):
		return fmt.Errorf("%s %s: %w: the answer was lost, and the service may have acted on the request: %w", call.method, target, ErrUnavailable, err)
	}
	return fmt.Errorf("%s %s: %w: %w", call.method, target, ErrUnavailable, err)
}

// read takes the whole answer and closes its body.
func (c *Client) read(resp *http.Response, call call, data any) error {
	defer resp.Body.Close()
	body, err := transport.ReadAll(resp, c.maxAnswer)
	if errors.Is(err, transport.ErrTooLarge) {
		return &contentError{reason: fmt.Sprintf("the answer is larger than %d bytes", c.maxAnswer)}
	}
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
	e := &Error{Method: call.method, Path: call.path, Status: resp.StatusCode, RetryAfter: transport.RetryAfter(resp)}
	var known wire.ErrorBody
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
	text := quote.OneLine(string(body[:min(len(body), maxPlain)]), maxLine)
	if strings.HasPrefix(text, "<") {
		return ""
	}
	return text
}
