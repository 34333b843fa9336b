package metadata

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"
	"strconv"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
)

// HashBins spreads paths over a power of two of delegated roles, by the first
// bits of the SHA-256 of the path. The zero value has no bins: to ask it for a
// name panics.
type HashBins struct {
	bits   int
	prefix string
}

// NewHashBins returns RSTUF's hash bins, "bins-…". The count is a power of two
// from 2 to 16384.
func NewHashBins(count int) (HashBins, error) {
	if count < rules.MinHashBins || count > rules.MaxHashBins || bits.OnesCount(uint(count)) != 1 {
		return HashBins{}, fmt.Errorf("%d hash bins: the number must be a power of two from %d to %d", count, rules.MinHashBins, rules.MaxHashBins)
	}
	return HashBins{bits.Len(uint(count)) - 1, rstuf.RoleBins}, nil
}

// Bins returns the hash bins that the metadata describes.
func (s *SuccinctRoles) Bins() (HashBins, error) {
	const most = min(32, strconv.IntSize-2)
	if s.BitLength < 1 || s.BitLength > most {
		return HashBins{}, atField("bit_length", fmt.Errorf("%d is not between 1 and %d", s.BitLength, most))
	}
	if err := readRoleName(s.NamePrefix); err != nil {
		return HashBins{}, atField("name_prefix", err)
	}
	return HashBins{s.BitLength, s.NamePrefix}, nil
}

// Count is the number of bins.
func (b HashBins) Count() int { return 1 << b.bits }

// BitLength is how many bits of a path's hash choose its bin.
func (b HashBins) BitLength() int { return b.bits }

// digits is the width of the number in a bin's name.
func (b HashBins) digits() int { return (b.bits + 3) / 4 }

// Name is the name of bin i, from 0 to Count-1: "bins-0f". It panics on any
// other number, as an index out of range does.
func (b HashBins) Name(i int) string {
	if b.bits == 0 || i < 0 || i >= b.Count() {
		panic(fmt.Sprintf("metadata: there is no hash bin %d of %d", i, b.Count()))
	}
	const zeros = "00000000"
	var buf [8]byte
	number := strconv.AppendUint(buf[:0], uint64(i), 16)
	return b.prefix + "-" + zeros[:max(0, b.digits()-len(number))] + string(number)
}

// Index is the number of the bin that a path belongs to.
func (b HashBins) Index(path string) int {
	sum := sha256.Sum256([]byte(path))
	return int(binary.BigEndian.Uint32(sum[:]) >> (32 - b.bits))
}

// Bin is the name of the bin that a path belongs to.
func (b HashBins) Bin(path string) string { return b.Name(b.Index(path)) }

// Names yields the names of all bins in order.
func (b HashBins) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range b.Count() {
			if !yield(b.Name(i)) {
				return
			}
		}
	}
}

// has tells whether there is a bin of this name.
func (b HashBins) has(name string) bool {
	start := len(b.prefix) + 1
	if len(name) != start+b.digits() {
		return false
	}
	i, err := strconv.ParseUint(name[start:], 16, 64)
	return err == nil && i < uint64(b.Count()) && b.Name(int(i)) == name
}

// SuccinctRoles is how a targets role delegates to these bins, each signed by
// one key.
func (b HashBins) SuccinctRoles(keyID string) *SuccinctRoles {
	return &SuccinctRoles{KeyIDs: []string{keyID}, Threshold: 1, BitLength: b.bits, NamePrefix: b.prefix}
}

// role is a bin as a delegated role. It is terminating: no other bin has the
// path.
func (s *SuccinctRoles) role(name string) rstuf.DelegatedRole {
	return rstuf.DelegatedRole{Name: name, KeyIDs: s.KeyIDs, Threshold: s.Threshold, Terminating: true}
}
