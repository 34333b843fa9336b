package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.org/rstuf/internal/quote"
)

const codeNoSuchKey = "NoSuchKey"

// answerCode is the store's code for what is wrong, "" if it has not said.
func answerCode(err error) string {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	return ""
}

// answerStatus is the HTTP status of the store's answer, 0 if there was none.
func answerStatus(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response != nil && response.Response.Response != nil {
		return response.HTTPStatusCode()
	}
	return 0
}

// opError is what went wrong in one line; the SDK's error, which can be long,
// is behind it for those who ask.
type opError struct {
	text string
	err  error
}

func (e *opError) Error() string { return e.text }
func (e *opError) Unwrap() error { return e.err }

// explain says what was to be done and why it was not.
func (b *Bucket) explain(ctx context.Context, verb, name string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s%s: %w", b.prefix, name, err)
	}
	return &opError{quote.OneLine(fmt.Sprintf("bucket %s: %s %s%s: %s", b.bucket, verb, b.prefix, name, b.reason(ctx, err)), maxText), err}
}

func (b *Bucket) reason(ctx context.Context, err error) string {
	var answer smithy.APIError
	var address *url.Error
	switch {
	case errors.As(err, &answer):
		return strings.TrimSuffix(fmt.Sprintf("the store answers %d %s: %s", answerStatus(err), answer.ErrorCode(), answer.ErrorMessage()), ": ")
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Sprintf("no answer in time (%s)", b.timeout)
	case errors.As(err, &address): // without the address
		return address.Err.Error()
	}
	return err.Error()
}

// maxText is the longest error, for a store may answer anything.
const maxText = 400
