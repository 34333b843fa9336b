package transport

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// MinRate is how many bytes of an answer must come in a second, on average
// over [Config].Timeout. A server that sends less, such as one byte at a time,
// would otherwise hold its client for as long as it likes.
const MinRate = 1 << 10

// errSlow is an answer that was given up. What was read of it is good.
type errSlow struct{ reason string }

func (e *errSlow) Error() string { return e.reason }

// paced sends a request by way of next. The answer must begin within the
// timeout, and its body keep up the pace.
func paced(next http.RoundTripper, req *http.Request, timeout time.Duration) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	silence := time.AfterFunc(timeout, func() {
		cancel(&errSlow{fmt.Sprintf("the server sent no answer within %s", timeout)})
	})
	resp, err := next.RoundTrip(req.WithContext(ctx))
	silence.Stop()
	if err != nil {
		err = ended(ctx, err)
		cancel(nil)
		return nil, err
	}
	body := &pacedBody{body: resp.Body, ctx: ctx, cancel: cancel, timeout: timeout}
	body.timer = time.AfterFunc(timeout, body.expire)
	body.timer.Stop()
	resp.Body = body
	return resp, nil
}

// ended puts the reason for which we ended an exchange before what came of it.
func ended(ctx context.Context, err error) error {
	if slow, ok := context.Cause(ctx).(*errSlow); ok {
		return slow
	}
	return err
}

// pacedBody measures the time that is spent in waiting for a body. How long
// its reader takes in between does not count.
type pacedBody struct {
	body    io.ReadCloser
	ctx     context.Context // the request's own
	cancel  context.CancelCauseFunc
	timeout time.Duration
	timer   *time.Timer // runs while a Read waits

	waited time.Duration // since the last check
	got    int64
}

func (b *pacedBody) expire() {
	b.cancel(&errSlow{fmt.Sprintf("the server sent nothing for %s", b.timeout)})
}

func (b *pacedBody) Read(p []byte) (int, error) {
	start := time.Now()
	b.timer.Reset(b.timeout)
	n, err := b.body.Read(p)
	b.timer.Stop()
	if err != nil {
		if err != io.EOF {
			err = ended(b.ctx, err)
		}
		return n, err
	}
	b.got += int64(n)
	if b.waited += time.Since(start); b.waited < b.timeout {
		return n, nil
	}
	if float64(b.got) < b.waited.Seconds()*MinRate {
		slow := &errSlow{fmt.Sprintf("the server sent %d bytes in %s, which is too slow", b.got, b.waited.Round(time.Second))}
		b.cancel(slow)
		return n, slow
	}
	b.waited, b.got = 0, 0
	return n, nil
}

func (b *pacedBody) Close() error {
	b.timer.Stop()
	err := b.body.Close()
	b.cancel(nil)
	return err
}
