package service_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// Roles are signed anew so long before their end, and not before: the service
// sleeps until then, however seldom it looks at the clock otherwise.
func TestSignedAnewWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *service.Config) { c.Now, c.BumpEvery, c.BumpBefore = time.Now, 10000*time.Hour, 2*time.Hour })
		f.now = time.Now()
		f.bootstrap(func(p *ceremony.Policy) { p.Expirations = ceremony.Expirations{Timestamp: 2, Snapshot: 9, Bins: 9} })
		first := f.timestamp()
		time.Sleep(time.Until(first.Expires()) - 2*time.Hour - time.Second)
		synctest.Wait()
		require.Equal(t, first.Version(), f.timestamp().Version(), "a second too early")
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, first.Version()+1, f.timestamp().Version())
		time.Sleep(40 * 24 * time.Hour)
		synctest.Wait()
		assert.NoError(t, f.timestamp().CheckExpiry(time.Now()))
	})
}

// A role whose life is shorter than what BumpBefore asks for is always due; it is
// signed each time the service looks, and not without end.
func TestAlwaysDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *service.Config) { c.Now, c.BumpEvery, c.BumpBefore = time.Now, time.Hour, 30*time.Hour })
		f.now = time.Now()
		f.bootstrap()
		first := f.timestamp().Version()
		time.Sleep(10*time.Hour + time.Minute)
		synctest.Wait()
		assert.InDelta(t, first+10, f.timestamp().Version(), 1)
	})
}

func (f *fixture) timestamp() *metadata.Document {
	data, err := f.file("timestamp.json")
	require.NoError(f, err)
	doc, err := metadata.Parse(data)
	require.NoError(f, err)
	return doc
}
