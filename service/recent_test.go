package service

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRecentFiles(t *testing.T) {
	t.Parallel()
	r := &recent{most: 1000, files: map[string]recentFile{}}
	put := func(role string, version byte, size int) roleInfo {
		info := roleInfo{version: int64(version), sum: [32]byte{version}}
		r.keep(role, info, make([]byte, size))
		return info
	}
	has := func(role string, info roleInfo) bool {
		_, ok := r.get(role, info)
		return ok
	}
	first := put("a", 1, 50)
	assert.True(t, has("a", first))
	second := put("a", 2, 40)
	assert.True(t, has("a", second))
	assert.False(t, has("a", first), "an older version")
	assert.Equal(t, 40, r.size)

	third := put("a", 3, 900)
	assert.False(t, has("a", third), "too large to be worth it")
	assert.False(t, has("a", second), "not the newest any more")
	assert.Zero(t, r.size)

	infos := map[string]roleInfo{}
	for i := range 100 {
		role := fmt.Sprint(i)
		infos[role] = put(role, byte(i), 50)
		assert.LessOrEqual(t, r.size, r.most)
		assert.True(t, has(role, infos[role]))
	}
	held := 0
	for role, info := range infos {
		if has(role, info) {
			held++
		}
	}
	assert.Equal(t, 20, held)
	assert.Equal(t, 1000, r.size)

	var none *recent
	none.keep("a", first, nil)
	_, ok := none.get("a", first)
	assert.False(t, ok)
}
