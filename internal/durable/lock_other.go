//go:build !unix

package durable

import (
	"context"
	"errors"
	"fmt"
)

// Exclusive is for systems where a folder can be locked.
func Exclusive(_ context.Context, folder string, _ func() error) error {
	return fmt.Errorf("lock %s: %w", folder, errors.ErrUnsupported)
}
