package cmd

import "hash/maphash"

// seen remembers where paths stood, to find those that stand there twice: in a
// repository a path is one artifact, and nothing would tell which of the two.
// It keeps hashes, so that millions take little memory; that two paths of ten
// million have the same one happens once in a hundred thousand uploads.
type seen[T any] struct {
	seed   maphash.Seed
	places map[uint64]T
}

func newSeen[T any]() seen[T] { return seen[T]{maphash.MakeSeed(), map[uint64]T{}} }

// add notes a path, and tells where it stood before.
func (s seen[T]) add(path string, place T) (before T, twice bool) {
	key := maphash.String(s.seed, path)
	if before, twice = s.places[key]; !twice {
		s.places[key] = place
	}
	return before, twice
}
