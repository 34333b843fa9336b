package client

import (
	"context"
	"errors"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/wire"
)

// IncompleteError is a task that ended in success and has left out some of what
// was asked. errors.Is finds [ErrSigningPending] if signatures are all that is
// missing.
type IncompleteError struct {
	Task    rstuf.Task
	Missing rstuf.Missing
}

// Error is one line that says what is missing.
func (e *IncompleteError) Error() string {
	return quote.OneLine("task "+e.Task.ID+": "+e.Missing.Error(), maxLine)
}

// Unwrap gives what is missing to errors.As and errors.Is.
func (e *IncompleteError) Unwrap() error { return e.Missing }

// incomplete is the error of a task that has ended in success, if it has not
// done all. A deployed RSTUF says nothing of roles that wait for signatures
// after a change: they are looked up.
func (c *Client) incomplete(ctx context.Context, task rstuf.Task) error {
	missing := task.Missing()
	if mayWait(task) {
		pending, err := c.Pending(ctx)
		var answer *Error
		switch {
		case errors.As(err, &answer) && answer.Status < 500:
			// Whoever may not ask, or asks where nothing can wait, is not told.
		case err != nil:
			return err
		default:
			missing.Waiting = pending.Waiting(waitingRoles(task, pending)...)
		}
	}
	if missing.Empty() {
		return nil
	}
	return &IncompleteError{task, missing}
}

// mayWait tells whether roles may wait for signatures after a task, as far as
// it tells. That a role has the name of a hash bin says nothing: a custom role
// may be called "bins-a".
func mayWait(task rstuf.Task) bool {
	if task.Result == nil {
		return false
	}
	details := task.Result.Details
	switch task.Result.Task {
	case wire.TaskAddArtifacts, wire.TaskPublishArtifacts:
		return details != nil && len(details.ArtifactRoles) > 0
	case wire.TaskRemoveArtifacts:
		return details != nil && len(details.DeletedArtifacts) > 0
	case wire.TaskMetadataDelegation:
		return details != nil && len(details.DelegatedRoles) > 0
	case wire.TaskMetadataUpdate:
		return true
	}
	return false
}

// waitingRoles are the roles that a task may have changed.
func waitingRoles(task rstuf.Task, pending rstuf.PendingMetadata) []string {
	details := task.Result.Details
	switch task.Result.Task {
	case wire.TaskAddArtifacts, wire.TaskPublishArtifacts:
		return details.ArtifactRoles
	case wire.TaskRemoveArtifacts:
		return pending.RolesOf(details.DeletedArtifacts)
	case wire.TaskMetadataDelegation:
		return details.DelegatedRoles
	}
	return []string{rstuf.RoleRoot}
}
