package service

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDynaconfValue(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`null`: "@none ", `true`: "@bool True", `false`: "@bool False", `12`: "@int 12",
		`"abc"`: "abc", `{ "a": [1, "x y"] }`: `@json {"a":[1,"x y"]}`, `[1]`: "@json [1]",
	} {
		value, err := dynaconfValue([]byte(raw))
		require.NoError(t, err)
		assert.Equal(t, want, value)
	}
}

// An id that dynaconf would read as a number or work out, or that says a bootstrap
// is under way, is none.
func TestSettingID(t *testing.T) {
	t.Parallel()
	usual := "4d480b8d0e6542ee8b0301ded88e94e4"
	assert.Equal(t, usual, settingID(usual))
	for number := range uint64(1000) {
		own := newTaskID(number).String()
		assert.Equal(t, own, settingID(own), "an id of a task of ours is exported as it is")
	}
	for _, id := range []string{
		"", "12345678901234560000000000000001", "1e345678901234560000000000000001", "0b10", "@format {env[HOME]}",
		"@jinja {{ 1 }}", "pre-4d480b8d0e6542ee8b0301ded88e94e4", "4d480b8d-0e65-42ee-8b03-01ded88e94e4", "a b",
	} {
		other := settingID(id)
		assert.Regexp(t, "^f[0-9a-f]{31}$", other, id)
		assert.Equal(t, other, settingID(other))
	}
}

func TestRedisText(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `"a\"b\\n\x0a\x00é"`, redisText("a\"b\\n\n\x00é"))
}

func TestCopyText(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `\\.\nx\ty\r\\N`, copyText("\\.\nx\ty\r\\N"))
}

func TestWhereKey(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"": "has no URI", "fn:online": "the file online in its RSTUF_ONLINE_KEY_DIR", "awskms:alias/x": "needs access", "exec:yubi": "no worker can open",
	} {
		e := exporter{done: &Exported{OnlineKey: uri}}
		assert.Contains(t, e.whereKey(), want)
		assert.False(t, strings.Contains(e.whereKey(), "%!"), uri)
	}
}

// A request that is not about artifacts can't be carried, nor one that the process
// died of: that is said.
func TestExportOtherRequests(t *testing.T) {
	t.Parallel()
	e := exporter{s: newService(Config{}, nil), done: &Exported{}}
	killer := &waiting{id: newTaskID(3), kind: addArtifacts}
	e.s.queue.list = []*waiting{{id: newTaskID(1), kind: publishArtifacts}, {id: newTaskID(2), kind: updateSettings}, killer}
	e.s.suspects.deaths[killer.id] = maxDeaths
	changes, err := e.unpublished(t.Context())
	require.NoError(t, err)
	assert.Empty(t, changes)
	require.Len(t, e.done.Left, 1)
	assert.Contains(t, e.done.Left[0], "or were set aside: 2.")
}
