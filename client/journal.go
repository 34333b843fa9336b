package client

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"sync"

	"example.org/rstuf/internal/files"
)

// mark is how far an upload is: after so many artifacts of the sequence, and
// which they were.
type mark struct {
	Done   int64  `json:"done"`
	Digest string `json:"digest"`
}

// journalFile is the journal on disk.
type journalFile struct {
	Service string `json:"service"` // the API's URL
	mark
}

const maxJournal = 64 << 10

// journal remembers which part of a sequence is published: always one from its
// start, so that a number and a digest are all there is to write down.
type journal struct {
	path    string
	service string
	from    mark // where the run before this one ended

	sum  hash.Hash
	read int64

	mu      sync.Mutex
	waiting []*batch        // in the order of the sequence
	done    map[*batch]bool // those of waiting that are published
}

// openJournal reads the journal at path; without a path nothing is remembered.
func openJournal(path, service string) (*journal, error) {
	j := &journal{path: path, service: service, sum: sha256.New(), done: map[*batch]bool{}}
	if path == "" {
		return j, nil
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return j, j.write(mark{0, j.digest()}) // better now than after the first request
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	defer file.Close()
	var old journalFile
	data, err := files.ReadAll(file, maxJournal)
	if err == nil {
		err = json.Unmarshal(data, &old)
	}
	if err == nil && (old.Done < 0 || len(old.Digest) != 2*sha256.Size) {
		err = errors.New("done or digest is out of range")
	}
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w; remove it to start from the beginning", path, err)
	}
	if old.Service != service {
		return nil, fmt.Errorf("journal %s: it belongs to an upload to %s, not to %s", path, old.Service, service)
	}
	j.from = old.mark
	return j, nil
}

// next takes note of the next artifact of the sequence, in its encoded form,
// and tells whether an earlier run has published it.
func (j *journal) next(encoded []byte) (published bool, err error) {
	if j.path == "" {
		return false, nil
	}
	j.sum.Write(encoded)
	j.sum.Write([]byte{'\n'})
	j.read++
	if j.read == j.from.Done && j.digest() != j.from.Digest {
		return false, j.errOther()
	}
	return j.read <= j.from.Done, nil
}

func (j *journal) errOther() error {
	return fmt.Errorf("journal %s: the first %d artifacts are not those that it tells of; remove it to start from the beginning", j.path, j.from.Done)
}

// end checks that the sequence was at least as long as the journal says.
func (j *journal) end() error {
	if j.path != "" && j.read < j.from.Done {
		return j.errOther()
	}
	return nil
}

func (j *journal) digest() string { return hex.EncodeToString(j.sum.Sum(nil)) }

// begin sets the batch's mark to everything that was taken note of.
func (j *journal) begin(b *batch) {
	if j.path == "" {
		return
	}
	b.mark = mark{j.read, j.digest()}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = append(j.waiting, b)
}

// published writes the journal if, with this batch, more of the sequence's
// start is published.
func (j *journal) published(b *batch) error {
	if j.path == "" {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done[b] = true
	var reached *batch
	for len(j.waiting) > 0 && j.done[j.waiting[0]] {
		reached = j.waiting[0]
		delete(j.done, reached)
		j.waiting = j.waiting[1:]
	}
	if reached == nil {
		return nil
	}
	return j.write(reached.mark)
}

func (j *journal) write(m mark) error {
	data, err := files.Encode(journalFile{j.service, m})
	if err == nil {
		err = files.Replace(j.path, data)
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// remove is the end of an upload that is complete.
func (j *journal) remove() error {
	if j.path == "" {
		return nil
	}
	if err := os.Remove(j.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}
