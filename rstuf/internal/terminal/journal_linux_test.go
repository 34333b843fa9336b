package terminal_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/rstuf/internal/terminal"
)

// Earlier answers are given again as long as the same questions are asked and take
// them; from then on the person is asked, and each answer is kept.
func TestRecord(t *testing.T) {
	var kept []terminal.Answer
	keep := func(given []terminal.Answer) error {
		kept = append([]terminal.Answer(nil), given...)
		return nil
	}
	person := at(t, "green\nround\nnow\n")
	person.Record([]terminal.Answer{{"name", "ann"}, {"colour", "loud"}, {"shape", "square"}}, keep)
	name, err := person.Ask(t.Context(), "name", "", nil)
	require.NoError(t, err)
	assert.Equal(t, "ann", name)
	colour, err := person.Ask(t.Context(), "colour", "", func(text string) error {
		if text == "loud" {
			return errors.New("no colour")
		}
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, "green", colour)
	shape, err := person.Ask(t.Context(), "shape", "", nil)
	require.NoError(t, err)
	assert.Equal(t, "round", shape)
	assert.Equal(t, []terminal.Answer{{"name", "ann"}, {"colour", "green"}, {"shape", "round"}}, kept)

	person.Forget()
	_, err = person.Ask(t.Context(), "when", "", nil)
	require.NoError(t, err)
	assert.Equal(t, []terminal.Answer{{"when", "now"}}, kept)

	person = at(t, "x\ny\nz\n")
	person.Record([]terminal.Answer{{"other", "a"}, {"name", "b"}}, func([]terminal.Answer) error { return errors.New("disk full") })
	_, err = person.Ask(t.Context(), "name", "", nil)
	assert.EqualError(t, err, "disk full")
	person.Record(nil, nil)
	name, err = person.Ask(t.Context(), "name", "", nil)
	require.NoError(t, err)
	assert.Equal(t, "y", name)
}
