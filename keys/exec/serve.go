package exec

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"example.org/rstuf/keys"
)

// An Ask asks whoever uses the program a question, such as for the PIN of a
// token, and gives the answer, which the caller may wipe. The prompt is one
// short line.
type Ask func(prompt string) ([]byte, error)

// Serve is the program's side: it reads one request from in, standard input,
// and writes the answer to out, standard output, where nothing else may be
// written. The program ends then.
//
// open gives the key. It is called for the public key too, so let it ask for a
// PIN no sooner than its signer signs. What it, or the signer, gives as an
// error is the answer; the person reads it. Serve's own error is one of
// reading or writing.
func Serve(ctx context.Context, in io.Reader, out io.Writer, open func(ctx context.Context, ask Ask) (keys.Signer, error)) error {
	from := bufio.NewReader(in)
	line, err := readLine(from, maxRequest)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	send := func(v any) error {
		line, err := encodeLine(v)
		if err == nil {
			_, err = out.Write(line)
		}
		return err
	}
	ask := func(prompt string) ([]byte, error) {
		if err := send(answer{Ask: &prompt}); err != nil {
			return nil, err
		}
		line, err := readLine(from, maxAnswer)
		if err != nil {
			return nil, fmt.Errorf("there is no answer to %q: %w", prompt, err)
		}
		defer clear(line)
		var r reply
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("the answer to %q is not of the form that docs/signers.md describes", prompt)
		}
		return []byte(r.Answer), nil
	}
	a, err := respond(ctx, line, func(ctx context.Context) (keys.Signer, error) { return open(ctx, ask) })
	if err != nil {
		text := err.Error()
		a = answer{Error: &text}
	}
	return send(a)
}

// respond does what a request wants.
func respond(ctx context.Context, line []byte, open func(context.Context) (keys.Signer, error)) (answer, error) {
	var r request
	switch err := json.Unmarshal(line, &r); {
	case err != nil:
		return answer{}, errors.New("the request is not of the form that docs/signers.md describes")
	case r.Version != version:
		return answer{}, fmt.Errorf("the request is of version %d of the exchange, this program knows %d", r.Version, version)
	case r.Request != requestPublic && r.Request != requestSign:
		return answer{}, fmt.Errorf("there is no request %.40q", r.Request)
	}
	signer, err := open(ctx)
	if err != nil {
		return answer{}, err
	}
	if c, ok := signer.(io.Closer); ok {
		defer c.Close()
	}
	pub := signer.Public()
	if r.Request == requestPublic {
		key := pub.Key()
		return answer{Key: &key}, nil
	}
	if !pub.HasID(r.KeyID) {
		return answer{}, fmt.Errorf("this is another key, %s", pub.ID())
	}
	sig, err := signer.Sign(ctx, r.Message)
	if err != nil {
		return answer{}, err
	}
	text := hex.EncodeToString(sig)
	return answer{Sig: &text}, nil
}

// readLine reads a line of at most so many bytes.
func readLine(from *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	for {
		part, err := from.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > most:
			return nil, fmt.Errorf("the line has more than %d bytes", most)
		case err == nil:
			return bytes.TrimSuffix(line, []byte("\n")), nil
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
