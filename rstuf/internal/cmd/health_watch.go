package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.org/rstuf/health"
)

// minEvery is the least time between two looks: others pay for them.
const minEvery = time.Second

// follow prints what happens until the context ends, which is no error.
func (c *healthCommand) follow(ctx context.Context, args []string) error {
	if c.every < minEvery {
		return usagef("--every %s is too often: give %s or more", c.every, minEvery)
	}
	look, err := c.looker(ctx, args)
	if err != nil {
		return err
	}
	for e := range health.Watch(ctx, c.every, look) {
		line, err := json.Marshal(e)
		if err == nil {
			err = c.writeJSON(append(line, '\n'))
		}
		if err != nil {
			return fmt.Errorf("write an event: %w", err)
		}
	}
	return nil
}

// looker looks at what the flags name. Servers that are not there yet are for the
// report to tell; they are asked again at the next look.
func (c *healthCommand) looker(ctx context.Context, args []string) (func(context.Context) *health.Report, error) {
	server, repo := c.api.server, c.repo // which finding out where to look changes
	cfg, err := c.config(ctx, args)
	if wrong := (usageError{}); errors.As(err, &wrong) || ctx.Err() != nil {
		return nil, err
	}
	return func(ctx context.Context) *health.Report {
		if err != nil || cfg.Unread != nil {
			c.api.server, c.repo = server, repo
			if cfg, err = c.config(ctx, args); err != nil {
				cfg.Unread = err
			}
		}
		return examineAgain(ctx, cfg)
	}, nil
}
