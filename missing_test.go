package rstuf_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
)

// A task says what it has left out, in one line; success alone is not done.
func TestMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ task, says string }{
		"nothing":                   {`{"state":"SUCCESS","result":{"status":true,"details":{"added_artifacts":["a"],"invalid_paths":[]}}}`, ""},
		"no result":                 {`{"state":"SUCCESS"}`, ""},
		"a path that no role takes": {`{"state":"SUCCESS","result":{"status":true,"details":{"added_artifacts":[],"invalid_paths":["x/y"]}}}`, "no delegated role takes the artifacts: x/y"},
		"an artifact not there":     {`{"state":"SUCCESS","result":{"details":{"deleted_artifacts":[],"not_found_artifacts":["a","b"]}}}`, "these artifacts are not there: a, b"},
		"a role that is not there":  {`{"state":"SUCCESS","result":{"details":{"updated_roles":[],"invalid_roles":["nope"]}}}`, "these roles do not exist: nope"},
		"a role that failed":        {`{"state":"SUCCESS","result":{"details":{"delegated_roles":{},"failed_roles":[{"role":"dev","reason":"role already exists"}]}}}`, "these roles were not changed: "},
		"many":                      {`{"state":"SUCCESS","result":{"details":{"invalid_paths":["1","2","3","4","5","6","7"]}}}`, "5 and 2 more"},
		"a hostile name":            {`{"state":"SUCCESS","result":{"details":{"invalid_paths":["a\nb\u001b[2J"]}}}`, `"a\nb\x1b[2J"`},
		"a failure is another kind": {`{"state":"FAILURE","result":{"message":"m","details":{"invalid_paths":["x"]}}}`, ""},
	} {
		var task rstuf.Task
		require.NoError(t, json.Unmarshal([]byte(c.task), &task), name)
		missing := task.Missing()
		assert.Equal(t, c.says == "", missing.Empty(), name)
		assert.Contains(t, missing.Error(), c.says, name)
		assert.NotContains(t, missing.Error(), "\n", name)
		assert.NotErrorIs(t, missing, rstuf.ErrSignaturesPending, name)
	}
}

// What waits is told with how many have signed and who has not; a placeholder
// is no signature.
func TestPendingWaiting(t *testing.T) {
	t.Parallel()
	var pending rstuf.PendingMetadata
	require.NoError(t, json.Unmarshal([]byte(`{"metadata":{
		"dev":{"signatures":[{"keyid":"k1","sig":"ab"},{"keyid":"k2","sig":""}],"signed":{"_type":"targets"}},
		"root":{"signatures":[{"keyid":"r1","sig":"ab"}],"signed":{"_type":"root","keys":{"r2":{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"00"}}},"roles":{"root":{"keyids":["r1","r2"],"threshold":2}}}},
		"odd":"not a document",
		"trusted_targets":{"signed":{"delegations":{"keys":{"k2":{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"00"},"x-rstuf-key-name":"bob"}},
			"roles":[{"name":"dev","keyids":["k1","k2","k3"],"threshold":2,"paths":["dev/*"],"terminating":true},{"name":"pub","keyids":["o"],"threshold":1,"paths":["*"],"terminating":true}]}}}}}`), &pending))
	assert.Equal(t, []rstuf.WaitingRole{
		{Role: "dev", Signed: 1, Threshold: 2, Unsigned: []string{"bob", "k3"}},
		{Role: "root", Signed: 1, Threshold: 2, Unsigned: []string{"r2"}},
		{Role: "odd"},
	}, pending.Waiting("dev", "dev", "root", "odd", "pub"))
	assert.Equal(t, []string{"dev"}, pending.RolesOf([]string{"a", "dev/x"}))
	assert.Empty(t, pending.RolesOf([]string{"a", "dev/x/y"}))
	assert.Empty(t, rstuf.PendingMetadata{}.RolesOf([]string{"a"}))

	waits := rstuf.Missing{Waiting: pending.Waiting("dev")}
	assert.True(t, errors.Is(waits, rstuf.ErrSignaturesPending))
	assert.Contains(t, waits.Error(), "dev (1 of 2 signatures, not by bob, k3)")
	waits.InvalidPaths = []string{"x"}
	assert.False(t, errors.Is(waits, rstuf.ErrSignaturesPending), "signatures will not mend that")
}
