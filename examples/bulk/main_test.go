package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be the service that the example starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestBulk(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-artifacts", "3000", "-bins", "64", "-batch", "1000", "-json"}, &out))
	var f figures
	require.NoError(t, json.Unmarshal(out.Bytes(), &f))
	assert.Equal(t, 3000, f.Artifacts)
	assert.Equal(t, 3, f.Requests)
	assert.Equal(t, 20, f.Verified)
	assert.Positive(t, f.Publications)
	assert.Positive(t, f.OneMoreMedian)

	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-artifacts", "10", "-bins", "2"}, &out))
	assert.Contains(t, out.String(), "10 artifacts in 1 requests")
	assert.Error(t, run(t.Context(), []string{"-artifacts", "0"}, &out))
}
