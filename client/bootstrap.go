package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/transport"
	"example.org/rstuf/internal/wire"
)

// A request whose answer was lost may still be on its way through a proxy:
// so long the state is asked for again.
const (
	lostBootstrapTries = 5
	lostBootstrapPause = time.Second
)

// findBootstrap looks for the bootstrap that was sent and not answered; lost
// is the error of sending.
func (c *Client) findBootstrap(ctx context.Context, payload *rstuf.BootstrapPayload, lost error) (taskID string, err error) {
	for try := range lostBootstrapTries {
		if try > 0 {
			if err := transport.Sleep(ctx, lostBootstrapPause); err != nil {
				return "", errors.Join(lost, err)
			}
		}
		state, err := c.BootstrapState(ctx)
		if err != nil {
			return "", fmt.Errorf("%w; and asking for the state of the bootstrap: %w", lost, err)
		}
		if state.State == "" && !state.Bootstrap {
			continue
		}
		if ours, err := c.isOurs(ctx, state, payload.Root()); err != nil || !ours {
			if err == nil {
				err = fmt.Errorf("%w with another root", ErrAlreadyBootstrapped)
			}
			return "", err
		}
		return state.ID, nil
	}
	return "", fmt.Errorf("the bootstrap did not arrive; it is safe to send it again: %w", lost)
}

// isOurs compares the root of a bootstrap with the one that was sent. While
// the task still runs there is nothing to compare.
func (c *Client) isOurs(ctx context.Context, state rstuf.BootstrapState, sent json.RawMessage) (bool, error) {
	switch state.State {
	case wire.BootstrapFinished:
		settings, err := c.Settings(ctx)
		if err != nil {
			return false, err
		}
		return sameSigned(sent, settings.TrustedRoot), nil
	case wire.BootstrapSigning:
		pending, err := c.Pending(ctx)
		if err != nil {
			return false, err
		}
		return sameSigned(sent, pending.Roles[rstuf.RoleRoot]), nil
	}
	return true, nil
}

// sameSigned compares what two documents sign.
func sameSigned(a, b json.RawMessage) bool {
	x, y := signedPart(a), signedPart(b)
	return x != "" && x == y
}

func signedPart(document json.RawMessage) string {
	var w struct {
		Signed json.RawMessage `json:"signed"`
	}
	if json.Unmarshal(document, &w) != nil {
		return ""
	}
	text, err := canonical.Transform(w.Signed)
	if err != nil {
		return ""
	}
	return string(text)
}
