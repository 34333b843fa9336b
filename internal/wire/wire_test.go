package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/wire"
)

func TestErrorBodyForms(t *testing.T) {
	for body, want := range map[string]string{
		`{"detail":{"message":"Task not accepted.","error":"It requires bootstrap finished. State: None"}}`: "Task not accepted: It requires bootstrap finished. State: None",
		`{"detail":{"error":"System already has a Metadata. State: finished"}}`:                             "System already has a Metadata. State: finished",
		`{"detail":"Not Found"}`: "Not Found",
		`{"detail":[{"type":"missing","loc":["query","task_id"],"msg":"Field required","input":null}]}`: "query.task_id: Field required",
		`{"detail":7}`: "7",
	} {
		var parsed wire.ErrorBody
		require.NoError(t, json.Unmarshal([]byte(body), &parsed))
		assert.Equal(t, want, parsed.Error())
	}
	assert.Error(t, json.Unmarshal([]byte(`{"message":"hello"}`), new(wire.ErrorBody)))
}
