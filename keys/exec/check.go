package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"example.org/rstuf/keys"
)

// A Result is how one check of [Check] came out; a nil Err means that the
// program holds to the exchange there.
type Result struct {
	// Name says what must hold.
	Name string
	Err  error
}

// Check tries whether a configured program holds to the exchange of
// docs/signers.md, in good and in bad cases. It makes some signatures over
// texts that are no metadata. It stops at the first that fails, so that a
// wrong PIN is not given again. The error is of a name that is not configured.
func Check(ctx context.Context, cfg Config, name string) ([]Result, error) {
	p, err := cfg.program(name)
	if err != nil {
		return nil, err
	}
	var results []Result
	var pub keys.Public
	for _, check := range checks {
		err := check.run(ctx, p, &pub)
		results = append(results, Result{check.name, err})
		if err != nil {
			break
		}
	}
	return results, nil
}

var checks = []struct {
	name string
	run  func(ctx context.Context, p program, pub *keys.Public) error
}{
	{"gives a public key", func(ctx context.Context, p program, pub *keys.Public) (err error) {
		*pub, err = p.public(ctx)
		return err
	}},
	{"gives the same public key again", func(ctx context.Context, p program, pub *keys.Public) error {
		again, err := p.public(ctx)
		if err == nil && !again.Same(*pub) {
			err = p.errorf("it gives another key, %s, than before, %s", again, pub)
		}
		return err
	}},
	{"refuses a request that it does not know", refuses(func(keys.Public) request {
		return request{Version: version, Request: "conformance-test"}
	})},
	{"refuses another version of the exchange", refuses(func(pub keys.Public) request {
		return request{Version: version + 1, Request: requestSign, KeyID: pub.ID(), Message: []byte("conformance test")}
	})},
	{"refuses to sign for another key", refuses(func(keys.Public) request {
		return request{Version: version, Request: requestSign, KeyID: fmt.Sprintf("%064d", 0), Message: []byte("conformance test")}
	})},
	{"refuses a request that is no JSON", func(ctx context.Context, p program, _ *keys.Public) error {
		return refused(p.exchange(ctx, []byte("conformance test\n")))
	}},
	{"passes over fields that it does not know", func(ctx context.Context, p program, _ *keys.Public) error {
		_, err := p.exchange(ctx, fmt.Appendf(nil, `{"rstuf_signer":%d,"request":%q,"conformance_test":[1]}`+"\n", version, requestPublic))
		return err
	}},
	{"signs a short text", signs([]byte("{}"))},
	{"signs every byte", signs(everyByte())},
	{"signs a megabyte", signs(bytes.Repeat([]byte("conformance test "), 1<<16))},
}

func everyByte() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

func refuses(make func(keys.Public) request) func(context.Context, program, *keys.Public) error {
	return func(ctx context.Context, p program, pub *keys.Public) error {
		return refused(p.ask(ctx, make(*pub)))
	}
}

// refused wants a refusal.
func refused(_ answer, err error) error {
	switch {
	case err == nil:
		return errors.New(`it must answer "error"`)
	case errors.Is(err, ErrRefused):
		return nil
	}
	return err
}

func signs(message []byte) func(context.Context, program, *keys.Public) error {
	return func(ctx context.Context, p program, pub *keys.Public) error {
		sig, err := p.sign(ctx, *pub, message)
		if err == nil {
			err = pub.Verify(message, sig)
		}
		return err
	}
}
