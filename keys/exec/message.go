package exec

import (
	"encoding/json"
	"errors"
	"fmt"

	"example.org/rstuf"
	"example.org/rstuf/internal/files"
)

// version is that of the exchange; docs/signers.md describes it.
const version = 1

// What a program is asked for.
const (
	requestPublic = "public"
	requestSign   = "sign"
)

// Bounds of the exchange.
const (
	maxAnswer  = 64 << 10 // bytes of a line of the program
	maxRequest = 64 << 20 // bytes of a line to the program; the largest role fits
	maxAsks    = 5        // questions in one exchange
	maxText    = 300      // bytes shown of a text of the program
)

// request is the first line to a program, and the only one if it asks nothing.
type request struct {
	Version int    `json:"rstuf_signer"`
	Request string `json:"request"`
	KeyID   string `json:"keyid,omitempty"`
	Message []byte `json:"message,omitempty"` // base64
}

// answer is a line of a program: one of its fields.
type answer struct {
	Key   *rstuf.Key `json:"key,omitempty"`
	Sig   *string    `json:"sig,omitempty"` // hexadecimal, as metadata has it
	Error *string    `json:"error,omitempty"`
	Ask   *string    `json:"ask,omitempty"`
}

// reply is the line that follows a question of the program.
type reply struct {
	Answer string `json:"answer"`
}

// parseAnswer reads a line of a program.
func parseAnswer(line []byte) (answer, error) {
	var a answer
	if err := files.Decode(line, &a); err != nil {
		return answer{}, fmt.Errorf("its answer is not of the form that docs/signers.md describes: %w", err)
	}
	set := 0
	for _, given := range []bool{a.Key != nil, a.Sig != nil, a.Error != nil, a.Ask != nil} {
		if given {
			set++
		}
	}
	if set != 1 {
		return answer{}, errors.New(`its answer must hold one of "key", "sig", "error" and "ask"`)
	}
	return a, nil
}

// encodeLine is a value as a line.
func encodeLine(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}
