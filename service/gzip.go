package service

import (
	"bytes"
	"compress/gzip"
	"io"
	"strconv"
	"strings"
	"sync"
)

const (
	// minZip and maxZip bound the files that are worth compressing.
	minZip = 1 << 10
	maxZip = 8 << 20
	// maxZipped bounds the compressed files in memory.
	maxZipped = 32 << 20
)

// zipCache keeps compressed files, so that each is compressed once, and one at
// a time: whoever comes while another one is at work gets the plain form.
type zipCache struct {
	working sync.Mutex

	mu    sync.Mutex
	files map[string][]byte
	order []string // the oldest first
	size  int
}

// get is the compressed form of a file, which it reads and rewinds if need be.
func (c *zipCache) get(name string, file io.ReadSeeker) ([]byte, bool) {
	c.mu.Lock()
	small, ok := c.files[name]
	c.mu.Unlock()
	if ok {
		return small, small != nil
	}
	if !c.working.TryLock() {
		return nil, false
	}
	defer c.working.Unlock()
	small, err := zip(file)
	if _, seekErr := file.Seek(0, io.SeekStart); err != nil || seekErr != nil {
		return nil, false
	}
	c.put(name, small)
	return small, small != nil
}

// zip compresses a file; nil if that is not worth it. Level 1 is nearly as
// small as the others, for a tenth of the time.
func zip(file io.ReadSeeker) ([]byte, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil || size < minZip || size > maxZip {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(w, file); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if int64(out.Len()) >= size {
		return nil, nil
	}
	return out.Bytes(), nil
}

func (c *zipCache) put(name string, small []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = map[string][]byte{}
	}
	c.files[name] = small
	c.order = append(c.order, name)
	c.size += len(small)
	for c.size > maxZipped || len(c.order) > maxZipped/minZip {
		oldest := c.order[0]
		c.order = c.order[1:]
		c.size -= len(c.files[oldest])
		delete(c.files, oldest)
	}
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3).
func acceptsGzip(values []string) bool {
	accepted := false
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			coding, parameter, _ := strings.Cut(strings.TrimSpace(item), ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding != "gzip" && coding != "x-gzip" && coding != "*" {
				continue
			}
			weight := 1.0
			if q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameter)), "q="); ok {
				weight, _ = strconv.ParseFloat(strings.TrimSpace(q), 64) // what is no number is 0
			}
			if coding != "*" {
				return weight > 0
			}
			accepted = weight > 0
		}
	}
	return accepted
}
