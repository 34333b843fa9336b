// Package update is a program that keeps a file as the repository has it.
package update

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.org/rstuf/repository"
)

// Keep looks for a new version of an artifact each time that so long has passed,
// until the context ends. What can't be had today may come tomorrow; a repository
// that cannot prove to be fresh is told to say, and the file stays as it is.
func Keep(ctx context.Context, reader *repository.Reader, artifact, file string, every time.Duration, say func(error)) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		err := reader.Refresh(ctx)
		if err == nil {
			_, err = reader.Download(ctx, artifact, file)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, repository.ErrExpired):
			say(fmt.Errorf("somebody holds back updates, or nobody makes them: %w", err))
		case err != nil:
			say(err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
