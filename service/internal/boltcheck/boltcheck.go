// Package boltcheck checks the structure of a bbolt file before it is opened:
// the headers, and every page that can be reached from them. For bbolt ends the
// process when it meets a file that was cut off or whose pages make no sense.
// What the pages hold is for those to check who read it.
package boltcheck

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
)

// Layout of a bbolt file, version 2.
const (
	pageHeader   = 16 // id, flags, count, overflow
	elementSize  = 16 // of branch and leaf pages
	bucketHeader = 16 // root page, sequence
	metaSize     = 64 // the last 8 bytes are a checksum
	metaMagic    = 0xED0CDAED
	metaVersion  = 2
	branchPage   = 1
	leafPage     = 2
	leafBucket   = 1 // a flag of a leaf element
)

// File checks a database file. A missing or empty one is right.
func File(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is not a file")
	}
	c := checker{file: f, seen: map[uint64]bool{}}
	root, err := c.readMeta()
	if err != nil {
		return err
	}
	if need := int64(c.pages) * c.pageSize; info.Size() < need {
		return fmt.Errorf("it was cut off: it has %d bytes of %d", info.Size(), need)
	}
	return c.page(root)
}

type checker struct {
	file     io.ReaderAt
	pageSize int64
	pages    uint64 // from here on nothing is used
	seen     map[uint64]bool
}

// readMeta reads the newer of the two headers that are right, and returns the
// page of the root bucket.
func (c *checker) readMeta() (root uint64, err error) {
	newest, found := uint64(0), false
	buf := make([]byte, pageHeader+metaSize)
	for _, at := range []int64{0, 1024, 2048, 4096, 8192, 16384, 32768, 65536} {
		if _, err := c.file.ReadAt(buf, at); err != nil {
			break // the file ends
		}
		meta := buf[pageHeader:]
		hash := fnv.New64a()
		hash.Write(meta[:metaSize-8])
		if binary.LittleEndian.Uint32(meta) != metaMagic || binary.LittleEndian.Uint32(meta[4:]) != metaVersion ||
			binary.LittleEndian.Uint64(meta[metaSize-8:]) != hash.Sum64() {
			continue
		}
		if tx := binary.LittleEndian.Uint64(meta[48:]); !found || tx > newest {
			newest, found = tx, true
			c.pageSize = int64(binary.LittleEndian.Uint32(meta[8:]))
			root = binary.LittleEndian.Uint64(meta[16:])
			c.pages = binary.LittleEndian.Uint64(meta[40:])
		}
	}
	if !found || c.pageSize < 1024 || c.pageSize > 65536 {
		return 0, errors.New("none of its headers is right")
	}
	return root, nil
}

// page checks a page and what is below it.
func (c *checker) page(id uint64) error {
	fail := func(what string) error { return fmt.Errorf("page %d: %s", id, what) }
	if id < 2 || id >= c.pages {
		return fail("it is beyond the end")
	}
	if c.seen[id] {
		return fail("it is used twice")
	}
	c.seen[id] = true
	header := make([]byte, pageHeader)
	if _, err := c.file.ReadAt(header, int64(id)*c.pageSize); err != nil {
		return fail(err.Error())
	}
	overflow := uint64(binary.LittleEndian.Uint32(header[12:]))
	if binary.LittleEndian.Uint64(header) != id || id+overflow >= c.pages {
		return fail("its header is wrong")
	}
	size := (int64(overflow) + 1) * c.pageSize
	return c.elements(id, header, size, func(buf []byte, at int64) error {
		_, err := c.file.ReadAt(buf, int64(id)*c.pageSize+at)
		return err
	})
}

// elements checks the elements of a page of some size, which read gives.
func (c *checker) elements(id uint64, header []byte, size int64, read func(buf []byte, at int64) error) error {
	fail := func(what string) error { return fmt.Errorf("page %d: %s", id, what) }
	flags := binary.LittleEndian.Uint16(header[8:])
	list := make([]byte, int64(binary.LittleEndian.Uint16(header[10:]))*elementSize)
	if flags != branchPage && flags != leafPage {
		return fail("it is neither a branch nor a leaf")
	}
	if pageHeader+int64(len(list)) > size {
		return fail("it has too many elements")
	}
	if err := read(list, pageHeader); err != nil {
		return fail(err.Error())
	}
	for at := int64(0); at < int64(len(list)); at += elementSize {
		e := list[at : at+elementSize]
		word := func(i int) int64 { return int64(binary.LittleEndian.Uint32(e[4*i:])) }
		if flags == branchPage {
			if pageHeader+at+word(0)+word(1) > size {
				return fail("a key is beyond its end")
			}
			if err := c.page(binary.LittleEndian.Uint64(e[8:])); err != nil {
				return err
			}
			continue
		}
		value := pageHeader + at + word(1) + word(2)
		if value+word(3) > size {
			return fail("a value is beyond its end")
		}
		if word(0)&leafBucket != 0 {
			if err := c.bucket(id, value, word(3), read); err != nil {
				return err
			}
		}
	}
	return nil
}

// bucket checks a bucket that a leaf element holds: it names its root page, or
// holds the page itself.
func (c *checker) bucket(id uint64, at, size int64, read func(buf []byte, at int64) error) error {
	if size < bucketHeader {
		return fmt.Errorf("page %d: a bucket is cut off", id)
	}
	header := make([]byte, bucketHeader)
	if err := read(header, at); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	if root := binary.LittleEndian.Uint64(header); root != 0 {
		return c.page(root)
	}
	if size < bucketHeader+pageHeader {
		return fmt.Errorf("page %d: a bucket is cut off", id)
	}
	inline := make([]byte, pageHeader)
	if err := read(inline, at+bucketHeader); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return c.elements(id, inline, size-bucketHeader, func(buf []byte, from int64) error { return read(buf, at+bucketHeader+from) })
}
