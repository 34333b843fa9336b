package client

import (
	"context"
	"encoding/json"
)

// Raw sends a body as it is, for recorded requests that no typed call makes.
func (c *Client) Raw(ctx context.Context, method, path string, body []byte) error {
	return c.do(ctx, call{method: method, path: path, body: body}, nil)
}

// Encode is the body of an AddArtifacts.
var Encode = appendAddArtifacts

// CountAdded is the number of added artifacts in a task, as a Publisher reads
// it.
func CountAdded(task []byte) (int, error) {
	var result addResult
	err := json.Unmarshal(task, &result)
	if n := result.Result.Details.Added; n != nil {
		return int(*n), err
	}
	return 0, err
}
