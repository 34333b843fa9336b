package client

import "context"

// Raw sends a body as it is, for recorded requests that no typed call makes.
func (c *Client) Raw(ctx context.Context, method, path string, body []byte) error {
	return c.do(ctx, call{method: method, path: path, body: body}, nil)
}

// Encode is the body of an AddArtifacts.
var Encode = appendAddArtifacts
