package service_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/tuftest"
)

// Whatever is sent, the service neither breaks nor publishes what does not
// verify.
func FuzzAPI(f *testing.F) {
	var list []exchange
	readJSON(f, testdir.Recordings+"/hash-bins.json", &list)
	for _, e := range list {
		if body := e.payload(); e.Response != nil && len(body) > 0 {
			f.Add(e.Request.Method, strings.TrimPrefix(e.Request.Path, "/api/v1"), body)
		}
	}
	f.Add("GET", "/task/?task_id=%00", []byte(nil))
	f.Add("POST", "/artifacts/publish/", []byte(nil))
	f.Add("POST", "/delegations/", []byte(`{"delegations":{"keys":{},"roles":[{"name":"a","terminating":true,"keyids":[],"threshold":1,"paths":["*"],"x-rstuf-expire-policy":1}]}}`))
	f.Fuzz(func(t *testing.T, method, path string, body []byte) {
		r, err := http.NewRequest(method, "http://127.0.0.1/api/v1/"+strings.TrimPrefix(path, "/"), nil)
		if err != nil || r.URL.Host != "127.0.0.1" {
			return
		}
		fix := newFixture(t)
		fix.bootstrap()
		got := call(fix.svc.Handler(), method, r.URL.RequestURI(), body)
		assert.Less(t, got.Code, 500, "%s", got.Body)
		fix.restart() // which finishes what was accepted
		_, err = tuftest.ReadPublished(fix.file, tuftest.Expected{Now: fix.clock()})
		require.NoError(t, err)
	})
}
