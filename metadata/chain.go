package metadata

import (
	"errors"
	"fmt"
)

// VerifyNextRoot checks that next may follow trusted: a root, the version
// after, signed by the thresholds of both (TUF specification, section 5.3.4
// and 5.3.5). It tells who signed for the old root and for the new one; the
// error is nil if next may be trusted, and [ErrThreshold] if signatures alone
// are missing. An expired root may be part of a chain: see
// [Document.CheckExpiry] for the last one.
func VerifyNextRoot(trusted, next *Document) (old, new Verification, err error) {
	if trusted.empty() || next.empty() {
		return old, new, errEmptyDocument
	}
	if old, err = verifyRoot(trusted, next); err != nil {
		return old, new, err
	}
	if new, err = verifyRoot(next, next); err != nil {
		return old, new, err
	}
	if want := trusted.version + 1; next.version != want {
		return old, new, fmt.Errorf("root version %d does not follow version %d: it must be %d", next.version, trusted.version, want)
	}
	if err := old.Err(); err != nil {
		return old, new, fmt.Errorf("root version %d, by the keys of version %d: %w", next.version, trusted.version, err)
	}
	if err := new.Err(); err != nil {
		return old, new, fmt.Errorf("root version %d, by its own keys: %w", next.version, err)
	}
	return old, new, nil
}

// verifyRoot verifies a root by the root keys that another one, or itself,
// names.
func verifyRoot(by, doc *Document) (Verification, error) {
	signers, err := RootSigners(by)
	if err != nil {
		return Verification{}, err
	}
	return signers[0].Verify(doc), nil
}

// VerifyRootChain checks roots from a first trusted one to the last: the first
// is signed by its own keys, and each may follow the one before it. Nothing
// says that the first is the right one: compare it with what was pinned.
func VerifyRootChain(roots []*Document) error {
	if len(roots) == 0 {
		return errors.New("a chain of roots needs at least one root")
	}
	first, err := verifyRoot(roots[0], roots[0])
	if err != nil {
		return err
	}
	if err := first.Err(); err != nil {
		return fmt.Errorf("root version %d, by its own keys: %w", roots[0].version, err)
	}
	for i, next := range roots[1:] {
		if _, _, err := VerifyNextRoot(roots[i], next); err != nil {
			return err
		}
	}
	return nil
}
