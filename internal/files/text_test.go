package files_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/files"
)

func TestText(t *testing.T) {
	t.Parallel()
	data, err := files.ReadText(strings.NewReader("\ufeffa\r\nb\ufeff"), 100)
	require.NoError(t, err)
	assert.Equal(t, "a\r\nb\ufeff", string(data))
	_, err = files.ReadText(strings.NewReader("a\nb\nc\xff\n"), 100)
	assert.ErrorContains(t, err, "line 3: it is not UTF-8")
	_, err = files.ReadText(strings.NewReader("abc"), 2)
	assert.ErrorContains(t, err, "larger than 2 bytes")

	read := func(text string) (lines []string, err error) {
		for line, lineErr := range files.Lines(strings.NewReader(text), 16) {
			if lineErr != nil {
				return lines, lineErr
			}
			lines = append(lines, line.Text)
			assert.Equal(t, len(lines), line.Number)
		}
		return lines, nil
	}
	lines, err := read("\ufeffa\r\n\nb\n\ufeffc")
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "", "b", "\ufeffc"}, lines)
	lines, err = read("a\nb\xff\nc")
	assert.Equal(t, []string{"a"}, lines)
	assert.ErrorContains(t, err, "line 2: it is not UTF-8")
	_, err = read("a\n" + strings.Repeat("x", 20))
	assert.ErrorContains(t, err, "line 2: ")
}
