// Package renew is a bot with a root key: a month before root ends it asks for the
// next one, or signs what another bot has asked for if nothing but the date is new.
package renew

import (
	"context"
	"fmt"
	"time"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// Bot holds one root key.
type Bot struct {
	API    *client.Client
	Reader *repository.Reader // trusts a root that came by another way
	Key    keys.Signer
}

// Look renews root if it is time.
func (b Bot) Look(ctx context.Context) error {
	roots, err := b.Reader.Roots(ctx)
	if err != nil || time.Until(roots[len(roots)-1].Expires()) > 30*24*time.Hour {
		return err
	}
	drafts, err := ceremony.Pending(ctx, b.API)
	if err == nil && len(drafts) == 0 {
		return b.ask(ctx, roots[len(roots)-1])
	}
	if err == nil {
		err = drafts[0].Pin(roots...)
	}
	if err != nil {
		return err
	}
	if changes := drafts[0].Review(time.Now()).Changes; len(changes) != 1 || changes[0].Field != "expires" {
		return fmt.Errorf("%s: a person must look at it: %v", drafts[0], changes)
	}
	if err := drafts[0].Sign(ctx, b.Key); err != nil {
		return err
	}
	_, err = drafts[0].Send(ctx, b.API)
	return err
}

func (b Bot) ask(ctx context.Context, newest *metadata.Document) error {
	next, err := ceremony.Next(ctx, newest, ceremony.Change{Days: 365})
	if err == nil {
		err = next.Sign(ctx, b.Key)
	}
	if err == nil {
		_, err = b.API.UpdateMetadata(ctx, next.Document().Bytes()) // it waits for the others then
	}
	return err
}
