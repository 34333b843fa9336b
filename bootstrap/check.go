package bootstrap

import (
	"errors"
	"fmt"
	"time"

	"example.org/rstuf"
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
	signers, err := metadata.RootSigners(document)
	if err != nil {
		return metadata.Verification{}, err
	}
	signed := signers[0].Verify(document)
	if document.Version() != 1 {
		return signed, fmt.Errorf("root version %d: a repository starts with version 1", document.Version())
	}
	if err := metadata.CheckRoot(document, now); err != nil {
		return signed, err
	}
	if custom := payload.Settings.Roles.Delegations; custom != nil {
		root, err := document.Root()
		if err == nil {
			err = metadata.CheckDelegations(custom, nil, root)
		}
		if err != nil {
			return signed, fmt.Errorf("settings.roles.delegations: %w", err)
		}
	}
	// What the worker wants: at least one signature, and none that is wrong. A
	// Sigstore signature can only be checked by the worker.
	if err := document.CheckSignatures(signers...); err != nil {
		return signed, err
	}
	if len(document.Signatures()) == 0 {
		return signed, fmt.Errorf("%w: the service wants at least one, and %d in the end", ErrUnsigned, signed.Threshold)
	}
	return signed, nil
}
