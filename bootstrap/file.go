package bootstrap

import (
	"errors"
	"fmt"
	"io"
	"os"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap/firstgen"
	"example.org/rstuf/internal/files"
)

// MaxSize is the largest payload file in bytes that [Read] takes. A payload
// with a thousand keys and delegated roles is far below it.
const MaxSize = 8 << 20

// File is a payload file of either generation.
type File struct {
	// Payload is the payload in today's form, whichever form the file has.
	Payload *rstuf.BootstrapPayload
	// FirstGeneration tells that the file has the form of RSTUF's first
	// releases (2023). Its root has key ids of that time.
	FirstGeneration bool
	// TargetsBaseURL is where artifacts are served; only the first
	// generation's files say it. It ends in "/".
	TargetsBaseURL string
}

// Read reads a payload file and checks its form: exactly one JSON value with
// the fields of either generation and no others, no field twice, every rule of
// the API. What is wrong with the fields comes back as a
// [rstuf.ValidationError]. [Check] does the rest.
func Read(r io.Reader) (*File, error) {
	if r == nil {
		return nil, errors.New("read payload: there is nothing to read: the reader is nil")
	}
	file, err := read(r)
	if err != nil {
		return nil, fmt.Errorf("read payload: %w", err)
	}
	return file, nil
}

// ReadFile is [Read] for a file by its name.
func ReadFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read payload: %w", err)
	}
	defer f.Close()
	file, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("read payload %s: %w", path, err)
	}
	return file, nil
}

func read(r io.Reader) (*File, error) {
	data, err := files.ReadAll(r, MaxSize)
	if err != nil {
		return nil, err
	}
	if err := files.CheckJSON(data); err != nil {
		return nil, err
	}
	if !firstgen.Is(data) {
		payload, err := rstuf.DecodeStrict[rstuf.BootstrapPayload](data)
		if err != nil {
			return nil, err
		}
		return &File{Payload: payload}, nil
	}
	first, err := firstgen.DecodeStrict(data)
	if err != nil {
		return nil, fmt.Errorf("first-generation payload: %w", err)
	}
	return &File{Payload: first.Today(), FirstGeneration: true, TargetsBaseURL: first.Settings.Services.TargetsBaseURL}, nil
}

// Payload is a payload of either generation, as [WriteFile] takes it.
type Payload interface {
	*rstuf.BootstrapPayload | *firstgen.Payload
	Validate() error
}

// Write writes a valid payload as indented JSON, the same bytes for the same
// payload.
func Write[P Payload](w io.Writer, payload P) error {
	data, err := encode(payload)
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write payload: %w", err)
	}
	return nil
}

// WriteFile is [Write] to a new file, which appears whole or not at all. A
// file that exists is left alone (fs.ErrExist); see [ReplaceFile].
func WriteFile[P Payload](path string, payload P) error {
	return writeFile(path, payload, files.WriteNew)
}

// ReplaceFile is [WriteFile] for a file that may exist; it is replaced in one
// step.
func ReplaceFile[P Payload](path string, payload P) error {
	return writeFile(path, payload, files.Replace)
}

func writeFile[P Payload](path string, payload P, write func(string, []byte) error) error {
	data, err := encode(payload)
	if err == nil {
		err = write(path, data)
	}
	if err != nil {
		return fmt.Errorf("write payload: %w", err)
	}
	return nil
}

func encode[P Payload](payload P) ([]byte, error) {
	if payload == nil {
		return nil, errNoPayload
	}
	if err := payload.Validate(); err != nil {
		return nil, err
	}
	data, err := files.Encode(payload)
	if len(data) > MaxSize {
		return nil, fmt.Errorf("it has %d bytes, and a payload file can have %d at most", len(data), MaxSize)
	}
	return data, err
}
