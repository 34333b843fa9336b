package cmd

import (
	"context"

	"example.org/rstuf/service"
)

// serving is what the command says once it serves.
type serving struct {
	API         string `json:"api"`
	Metadata    string `json:"metadata"`
	Artifacts   string `json:"artifacts,omitempty"`
	TrustedRoot string `json:"trusted_root,omitempty"`
	// Adopted is what --adopt has done.
	Adopted *service.Adopted `json:"adopted,omitempty"`
}

// announce holds the ceremony of --dev if there was none, and says where
// everything is.
func (c *serveCommand) announce(ctx context.Context, urls []string) error {
	s := serving{API: urls[0], Metadata: urls[1], Adopted: c.adopted}
	if len(urls) > 2 {
		s.Artifacts = urls[2]
	}
	if c.dev {
		root, err := c.bootstrapDev(ctx, s.API)
		if err != nil {
			return err
		}
		s.TrustedRoot = root
	}
	if c.keepVersions == 0 && !c.dev {
		c.note("every version of the metadata is kept: --keep-versions 720h removes those that nobody has needed for 30 days")
	}
	return c.result(s, func() {
		c.printf("API:       %s\nmetadata:  %s", s.API, s.Metadata)
		if s.Artifacts != "" {
			c.printf("artifacts: %s (the files of %s)", s.Artifacts, c.artifacts)
		}
		if c.dev {
			c.printDevHelp(s)
		}
	})
}
