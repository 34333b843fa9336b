package bootstrap

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

var errNoPayload = errors.New("there is no payload: only the draft of a first root has one")

// ErrUnsigned: the payload's root has no signature, and the service
// wants at least one.
var ErrUnsigned = errors.New("the root has no signature")

// Check tells whether a service can take the payload: the API's rules, RSTUF's
// rules of a root ([metadata.CheckRoot]) and of custom roles
// ([metadata.CheckDelegations]), version 1, not expired at now, at least one
// signature and none that is wrong. The verification says who has
// signed the root and how many are missing; missing ones are not an error,
// since they can be sent after the bootstrap.
func Check(payload *rstuf.BootstrapPayload, now time.Time) (metadata.Verification, error) {
	signed, err := check(payload, now)
	if err != nil {
		return signed, fmt.Errorf("check payload: %w", err)
	}
	return signed, nil
}

func check(payload *rstuf.BootstrapPayload, now time.Time) (metadata.Verification, error) {
	if payload == nil {
		return metadata.Verification{}, errNoPayload
	}
	if err := payload.Validate(); err != nil {
		return metadata.Verification{}, err
	}
	document, err := metadata.Parse(payload.Root())
	if err != nil {
		return metadata.Verification{}, err
	}
	root, err := document.Root()
	if err != nil {
		return metadata.Verification{}, err
	}
	delegation, err := root.Delegation(rstuf.RoleRoot)
	if err != nil {
		return metadata.Verification{}, err
	}
	signed := delegation.Verify(document)
	if document.Version() != 1 {
		return signed, fmt.Errorf("root version %d: a repository starts with version 1", document.Version())
	}
	if err := metadata.CheckRoot(document, now); err != nil {
		return signed, err
	}
	if custom := payload.Settings.Roles.Delegations; custom != nil {
		online, err := metadata.OnlineKey(root)
		if err == nil {
			err = metadata.CheckDelegations(custom, online)
		}
		if err != nil {
			return signed, fmt.Errorf("settings.roles.delegations: %w", err)
		}
	}
	return signed, checkSignatures(document, delegation, signed)
}

// checkSignatures wants what the worker wants: at least one signature, and
// none that is wrong. A Sigstore signature can only be checked by the worker.
func checkSignatures(document *metadata.Document, delegation metadata.Delegation, signed metadata.Verification) error {
	for _, sig := range document.Signatures() {
		if !slices.Contains(delegation.KeyIDs, sig.KeyID) {
			return fmt.Errorf("root: there is a signature by key %.16s, which is not a root key", sig.KeyID)
		}
	}
	for _, bad := range signed.Invalid {
		if key, err := keys.FromKey(delegation.Keys[bad.KeyID]); err == nil && !key.Verifiable() {
			continue
		}
		return fmt.Errorf("root: the signature by %s does not count: %s", bad.KeyRef, bad.Reason)
	}
	if len(document.Signatures()) == 0 {
		return fmt.Errorf("%w: the service wants at least one, and %d in the end", ErrUnsigned, signed.Threshold)
	}
	return nil
}
