package bootstrap

import (
	"errors"
	"fmt"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

var errNoPayload = errors.New("there is no payload: only the draft of a first root has one")

// Check tells whether a service can take the payload: the API's rules, RSTUF's
// rules of a first root at now ([metadata.CheckFirstRoot]), whose version is 1,
// and of custom roles ([metadata.CheckDelegations]). The verification says who
// has signed the root and how many are missing; missing ones are not an error,
// since they can be sent after the bootstrap.
func Check(payload *rstuf.BootstrapPayload, now time.Time) (metadata.Verification, error) {
	_, signed, err := check(payload, now)
	if err != nil {
		return signed, fmt.Errorf("check payload: %w", err)
	}
	return signed, nil
}

// check returns the payload's root too.
func check(payload *rstuf.BootstrapPayload, now time.Time) (*metadata.Document, metadata.Verification, error) {
	var none metadata.Verification
	if payload == nil {
		return nil, none, errNoPayload
	}
	if err := payload.Validate(); err != nil {
		return nil, none, err
	}
	document, err := metadata.Parse(payload.Root())
	if err != nil {
		return nil, none, err
	}
	if custom := payload.Settings.Roles.Delegations; custom != nil {
		root, err := document.Root()
		if err == nil {
			err = metadata.CheckDelegations(custom, nil, root)
		}
		if err != nil {
			return nil, none, fmt.Errorf("settings.roles.delegations: %w", err)
		}
	}
	signed, err := metadata.CheckFirstRoot(document, now)
	if version := document.Version(); version != 1 {
		err = fmt.Errorf("root version %d: a repository starts with version 1", version)
	}
	return document, signed, err
}
