package bucket

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"example.org/rstuf/service"
)

// Probe implements [service.Prober]: it tries the conditions of PUTs on a file of
// its own, which it removes. Without them the storage looks before it writes, which
// is enough for one writer.
func (b *Bucket) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	name := "new-probe-" + strings.ToLower(rand.Text()) + ".tmp" // temporary: a start removes what a crash leaves
	lacks, err := b.lacks(ctx, name)
	if err != nil {
		return b.explain(ctx, "put", name, err)
	}
	if err := b.Remove(ctx, name); err != nil {
		return err
	}
	b.unconditional.Store(lacks != "")
	if lacks != "" {
		return fmt.Errorf("bucket %s: the store %s: %w", b.bucket, lacks, service.ErrUnconditional)
	}
	return nil
}

// staleTag is what no object's tag is.
const staleTag = `"00000000000000000000000000000000"`

// lacks is what a store does wrong, "" if nothing.
func (b *Bucket) lacks(ctx context.Context, name string) (string, error) {
	b.unconditional.Store(false)
	err := b.create(ctx, name, []byte("1"))
	if answerStatus(err) == http.StatusNotImplemented {
		return "does not know PUTs with If-None-Match", nil
	}
	if err != nil {
		return "", err
	}
	var missing []string
	for _, c := range []struct{ condition, etag string }{{"If-None-Match: * of a file that is there", ""}, {"If-Match of another content", staleTag}} {
		switch err := b.putIf(ctx, name, []byte("2"), c.etag); {
		case err == nil, answerStatus(err) == http.StatusNotImplemented:
			missing = append(missing, c.condition)
		case answerStatus(err) != http.StatusPreconditionFailed:
			return "", err
		}
	}
	if len(missing) > 0 {
		return "does not refuse a PUT with " + strings.Join(missing, ", nor with "), nil
	}
	err = b.replace(ctx, name, []byte("1"), []byte("3"))
	if answerStatus(err) == http.StatusPreconditionFailed || errors.Is(err, service.ErrChanged) {
		return "refuses a PUT with If-Match of what is there", nil
	}
	return "", err
}
