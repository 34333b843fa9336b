package service_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Values that the API converts are published as what they stand for, also those
// that were queued before a restart.
func TestConvertedValues(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	const hashes = `"hashes":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`
	f.ok(f.post("/artifacts/", []byte(`{"artifacts":[{"path":"text","info":{"length":"630",`+hashes+`}},{"path":"fraction","info":{"length":630.0,`+hashes+`}}]}`)))
	parked := f.post("/artifacts/", []byte(`{"artifacts":[{"path":"parked","info":{"length":630,`+hashes+`}}],"publish_artifacts":"no"}`))
	f.ok(f.accepted("PUT", "/config/", []byte(`{"settings":{"expiration":{"bins":"5"}}}`)))
	assert.Equal(t, 5, f.settings().Expiration["bins"])
	assert.NotContains(t, f.audit().Artifacts, "parked")
	f.restart()
	f.ok(f.post("/artifacts/publish/", nil))
	f.ok(parked)
	for path, form := range f.audit().Artifacts {
		assert.JSONEq(t, `{"length":630,`+hashes+`}`, form, path)
	}
	code, text := f.call("POST", "/artifacts/", []byte(`{"artifacts":[{"path":"a","info":{"length":"630.5",`+hashes+`}}]}`))
	assert.Equal(t, 422, code)
	assert.Contains(t, text, "int_parsing")
}
