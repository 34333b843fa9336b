package firstgen_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap/firstgen"
)

const (
	root = `{"signatures":[],"signed":{"_type":"root","version":1,"spec_version":"1.0.31","expires":"2036-01-02T03:04:05Z","keys":{},"roles":{}}}`
	body = `{"settings":{"expiration":{"root":365,"targets":365,"snapshot":1,"timestamp":1,"bins":2},` +
		`"services":{"number_of_delegated_bins":1024,"targets_base_url":"https://example.com/files/","targets_online_key":true}},` +
		`"metadata":{"root":` + root + `},"timeout":300}`
)

func TestPayload(t *testing.T) {
	require.True(t, firstgen.Is([]byte(body)))
	first, err := firstgen.Decode([]byte(body))
	require.NoError(t, err)
	require.NoError(t, first.Validate())
	payload := first.Today()
	require.NoError(t, payload.Validate())
	assert.Equal(t, &rstuf.BinsSettings{Expiration: 2, NumberOfDelegatedBins: 1024}, payload.Settings.Roles.Bins)
	assert.Equal(t, 300, payload.Timeout)
	assert.Equal(t, root, string(payload.Root()))

	again, err := json.Marshal(first)
	require.NoError(t, err)
	assert.JSONEq(t, body, string(again))
	today, err := json.Marshal(payload)
	require.NoError(t, err)
	assert.False(t, firstgen.Is(today))
}

// What is wrong is said with its field, whether a payload was read or made.
func TestWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{"/files/", "/files", `settings.services.targets_base_url: the base URL must end in /, got "https://example.com/files"`},
		{":1024", ":1000", `settings.services.number_of_delegated_bins: the number of bins must be a power of two, got 1000`},
		{":1024", ":32768", `settings.services.number_of_delegated_bins: Input should be less than 16385, got 32768`},
		{"_key\":true", "_key\":false", `settings.services.targets_online_key: targets are signed by the online key: this must be true, got false`},
		{"\"snapshot\":1", "\"snapshot\":0", `settings.expiration.snapshot: Input should be greater than 0, got 0`},
		{`"snapshot":1,`, ``, `settings.expiration.snapshot: Field required`},
		{`"spec_version":"1.0.31",`, ``, `metadata.root.signed.spec_version: Field required`},
		{`"roles":{}`, `"roles":{},"extra":1`, "Invalid: `extra` field name, unrecognized_field must use format x-<vendor>-<name>"},
		{`{"root":{`, `{"rot":{`, `metadata.root: Field required`},
		{`"timeout":300`, `"timeout":-1`, `timeout: Input should be greater than -1, got -1`},
	} {
		text := strings.Replace(body, test.old, test.new, 1)
		_, err := firstgen.Decode([]byte(text))
		assert.ErrorContains(t, err, test.want)
		var wrong rstuf.ValidationError
		assert.ErrorAs(t, err, &wrong)

		var made firstgen.Payload
		require.NoError(t, json.Unmarshal([]byte(text), &made))
		assert.Error(t, made.Validate(), test.want)
	}
	text := strings.Replace(body, `"timeout"`, `"time_out"`, 1)
	_, err := firstgen.Decode([]byte(text))
	assert.NoError(t, err, "what the API does not know is passed over")
	_, err = firstgen.DecodeStrict([]byte(text))
	assert.ErrorContains(t, err, "time_out")
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(body))
	f.Add([]byte(`{"settings":{"services":{}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := firstgen.Decode(body)
		if err != nil {
			return
		}
		if err := p.Validate(); err != nil {
			t.Errorf("it was read, and is wrong: %v", err)
		}
		if err := p.Today().Validate(); err != nil {
			t.Errorf("today it is wrong: %v", err)
		}
	})
}

func ExampleDecode() {
	first, err := firstgen.Decode([]byte(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(first.Today().Settings.Roles.Bins.NumberOfDelegatedBins, "hash bins")
	// Output: 1024 hash bins
}
