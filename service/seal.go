package service

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// The database does not notice when a disk changes what it holds. So every
// value that metadata is made of carries a checksum.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errSeal = errors.New("a value is not what was written")

// seal appends a checksum to a value.
func seal(value []byte) []byte {
	return binary.BigEndian.AppendUint32(value, crc32.Checksum(value, castagnoli))
}

// unseal takes the checksum off a value.
func unseal(sealed []byte) ([]byte, error) {
	n := len(sealed) - crc32.Size
	if n < 0 || crc32.Checksum(sealed[:n], castagnoli) != binary.BigEndian.Uint32(sealed[n:]) {
		return nil, errSeal
	}
	return sealed[:n], nil
}
