package service

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Entries come out of a record as they went in, packed or not.
func TestRecordEntries(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("0123456789abcdef", 4)
	forms := []string{
		"",
		`{"hashes":{"sha256":"` + digest + `"},"length":0}`,
		`{"hashes":{"sha256":"` + digest + `"},"length":123456789012345678}`,
		`{"hashes":{"sha256":"` + digest + `"},"length":}`,
		`{"hashes":{"sha256":"` + digest + `"},"length":1}}`,
		`{"hashes":{"sha256":"` + strings.ToUpper(digest) + `"},"length":1}`,
		`{"hashes":{"sha256":"` + digest + `","sha512":"00"},"length":1}`,
		`{"custom":{},"hashes":{"sha256":"` + digest + `"},"length":1}`,
		`{"hashes":{"sha256":"` + digest[1:] + `"},"length":1}`,
		`{"custom":"` + strings.Repeat("x", 300) + `"}`,
	}
	r := newRecord(addArtifacts, true)
	for i, form := range forms {
		r = r.appendEntry(fmt.Sprint("path", i), form)
	}
	assert.NoError(t, r.check())
	assert.True(t, r.skip())
	i := 0
	for path, form := range entries(string(r.body())) {
		assert.Equal(t, fmt.Sprint("path", i), path)
		if form != "" {
			form = string(appendForm(nil, form))
		}
		assert.Equal(t, forms[i], form)
		i++
	}
	assert.Equal(t, len(forms), i)
	usual := newRecord(addArtifacts, false).appendEntry("", forms[1])
	assert.Less(t, len(usual), len(forms[1])/2)
}

// Whatever stands in the queue, reading it does not panic.
func FuzzRecordCheck(f *testing.F) {
	f.Add([]byte{1, 0})
	f.Add([]byte{1, 0, 1, 'a', 0})
	f.Add([]byte{1, 0, 1, 'a', 1})
	f.Add([]byte{2, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0})
	f.Add([]byte{1, 0, 1, 'a', 3, packed, 0, 0})
	f.Add([]byte(newRecord(addArtifacts, false).appendEntry("a", `{"hashes":{"sha256":"`+strings.Repeat("ab", 32)+`"},"length":12}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := record(data)
		if r.check() != nil || !r.kind().artifacts() {
			return
		}
		for _, form := range entries(string(r.body())) {
			if form != "" {
				appendForm(nil, form)
			}
		}
	})
}
