package service

import "sync"

// recentBytes bounds what of the newest files stays in memory: those of 16,384 bins
// that are empty, or of the few thousand that are changed most.
const recentBytes = 32 << 20

// recent holds the newest files of roles as this process wrote them, so that the next
// publication need not fetch what it changes from a storage that is far away. Beyond
// its bound others are given up, whichever: what is read in the same order each time
// would never be found if it were the oldest.
type recent struct {
	most  int
	mu    sync.Mutex
	size  int
	files map[string]recentFile // by role
}

type recentFile struct {
	sum  [32]byte
	data []byte
}

// newRecent is nil where reading is cheap.
func newRecent(storage Storage) *recent {
	if _, local := storage.(Opener); local {
		return nil
	}
	return &recent{most: recentBytes, files: map[string]recentFile{}}
}

// keep notes a role's newest file, which nobody changes any more.
func (r *recent) keep(role string, info roleInfo, data []byte) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(role)
	if cap(data) > r.most/16 {
		return
	}
	for other := range r.files {
		if r.size+cap(data) <= r.most {
			break
		}
		r.drop(other)
	}
	r.files[role] = recentFile{info.sum, data}
	r.size += cap(data)
}

func (r *recent) drop(role string) {
	r.size -= cap(r.files[role].data)
	delete(r.files, role)
}

// get returns the file of a role if it is here.
func (r *recent) get(role string, info roleInfo) ([]byte, bool) {
	if r == nil {
		return nil, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	file, ok := r.files[role]
	return file.data, ok && file.sum == info.sum
}
