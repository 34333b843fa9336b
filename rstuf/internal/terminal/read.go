package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// readLine reads up to a line's end, byte by byte: what follows belongs to the
// next question, which may be a password.
func readLine(r io.Reader) ([]byte, error) {
	var line []byte
	var one [1]byte
	for len(line) < maxLine {
		n, err := r.Read(one[:])
		switch {
		case n == 1 && one[0] == '\n':
			return bytes.TrimSuffix(line, []byte("\r")), nil
		case n == 1:
			line = append(line, one[0])
		case errors.Is(err, io.EOF):
			return nil, ErrEnd
		case err != nil:
			return nil, err
		}
	}
	return nil, fmt.Errorf("an answer of more than %d bytes", maxLine)
}

// wait runs read until it returns or the context ends. A read from a terminal
// cannot be called off: the one that is left behind ends with the process.
func wait(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := read()
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
