package repository

import (
	"errors"

	"example.org/rstuf/internal/transport"
	"example.org/rstuf/metadata"
)

// What went wrong, for errors.Is.
var (
	// ErrNotFound: no role of the repository has the artifact, or the server
	// lacks the file of one that is there.
	ErrNotFound = transport.ErrNotFound
	// ErrUnavailable: a server can't be reached, is overloaded, slow, or broke
	// off. Later it may work.
	ErrUnavailable = transport.ErrUnavailable
	// ErrExpired: metadata is over. The message names the role and the date.
	ErrExpired = metadata.ErrExpired
	// ErrThreshold: too few keys have signed.
	ErrThreshold = metadata.ErrThreshold
	// ErrRollback: the server offers something older than what was seen.
	ErrRollback = errors.New("older than what was seen before")
	// ErrRoleRemoved: a snapshot no longer lists a role, which the
	// specification forbids (section 5.5.5) and RSTUF's worker does when a
	// delegation is deleted. The way out is a new beginning from the trusted
	// root, on purpose: [Reader.ForgetVersionsUnsafe].
	ErrRoleRemoved = errors.New("the snapshot no longer lists a role")
	// ErrNotSigned: a role is delegated to and snapshot does not list it, since
	// its first version waits for signatures.
	ErrNotSigned = errors.New("the role is not signed yet")
	// ErrUnpublished: the server lacks a metadata file that is named by another.
	ErrUnpublished = errors.New("the server lacks a file that the metadata names")
	// ErrLimit: there are more roots or roles than the limits of a Config
	// allow.
	ErrLimit = errors.New("more than the limit allows")
	// ErrForeignCache: the cache folder was made for another repository. It is
	// left as it is.
	ErrForeignCache = errors.New("the cache folder belongs to another repository")
	// ErrMismatch: a file is not the one that the metadata tells of.
	ErrMismatch = errors.New("the file does not match its metadata")
)
