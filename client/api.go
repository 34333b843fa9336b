package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"example.org/rstuf"
	"example.org/rstuf/internal/transport"
)

// The endpoints, below apiPrefix. The slashes at their ends are those of a
// deployed RSTUF, which redirects from the other form.
const (
	bootstrapPath         = "/bootstrap/"
	configPath            = "/config/"
	metadataPath          = "/metadata/"
	onlinePath            = "/metadata/online"
	signPath              = "/metadata/sign"
	stopSigningPath       = "/metadata/sign/delete"
	delegationsPath       = "/delegations/"
	deleteDelegationsPath = "/delegations/delete"
	artifactsPath         = "/artifacts/"
	deleteArtifactsPath   = "/artifacts/delete"
	publishPath           = "/artifacts/publish/"
	taskPath              = "/task/"
	tasksPath             = "/tasks/"
)

// BootstrapState tells how far the bootstrap is (GET /bootstrap/).
func (c *Client) BootstrapState(ctx context.Context) (rstuf.BootstrapState, error) {
	var state rstuf.BootstrapState
	err := c.get(ctx, bootstrapPath, &state)
	return state, err
}

// Settings returns the repository's settings (GET /config/). Before bootstrap
// the error is [ErrNotBootstrapped].
func (c *Client) Settings(ctx context.Context) (*rstuf.RepositorySettings, error) {
	var settings *rstuf.RepositorySettings
	if err := c.get(ctx, configPath, &settings); err != nil {
		return nil, err
	}
	if settings == nil {
		return nil, noData(http.MethodGet, configPath)
	}
	return settings, nil
}

// UpdateSettings sets the life in days of the roles that it names (PUT
// /config/); "bins" stands for all hash bins. Roles that do not exist come
// back in the task's InvalidRoles.
func (c *Client) UpdateSettings(ctx context.Context, expiration map[string]int) (*Task, error) {
	return queue(ctx, c, call{method: http.MethodPut, path: configPath, repeat: true},
		&rstuf.SettingsUpdate{Expiration: expiration})
}

// UpdateMetadata sends the next root, the whole signed document (POST
// /metadata/). Short of signatures it becomes pending, see [Client.Pending].
func (c *Client) UpdateMetadata(ctx context.Context, root json.RawMessage) (*Task, error) {
	return queue(ctx, c, call{method: http.MethodPost, path: metadataPath},
		&rstuf.MetadataUpdate{Metadata: map[string]json.RawMessage{rstuf.RoleRoot: root}})
}

// BumpOnline signs online roles anew, all of them if none is named (POST
// /metadata/online). Deployments of 2026 answer 500.
func (c *Client) BumpOnline(ctx context.Context, roles ...string) (*Task, error) {
	if roles == nil {
		roles = []string{}
	}
	return queue(ctx, c, call{method: http.MethodPost, path: onlinePath}, &rstuf.OnlineBump{Roles: roles})
}

// Pending returns the documents that wait for signatures (GET
// /metadata/sign); without any, Roles is empty.
func (c *Client) Pending(ctx context.Context) (rstuf.PendingMetadata, error) {
	var pending rstuf.PendingMetadata
	err := c.get(ctx, signPath, &pending)
	return pending, err
}

// Sign adds one signature to the role's pending document (POST
// /metadata/sign).
func (c *Client) Sign(ctx context.Context, role string, signature rstuf.Signature) (*Task, error) {
	return queue(ctx, c, call{method: http.MethodPost, path: signPath}, &rstuf.MetadataSign{Role: role, Signature: signature})
}

// SubmitSignature is [Client.Sign] for package ceremony, which knows tasks by
// their ids.
func (c *Client) SubmitSignature(ctx context.Context, role string, signature rstuf.Signature) (taskID string, err error) {
	task, err := c.Sign(ctx, role, signature)
	if err != nil {
		return "", err
	}
	return task.ID(), nil
}

// StopSigning drops the role's pending document (POST /metadata/sign/delete).
// For the root of a bootstrap that is the end of the bootstrap. If nothing is
// pending the error is [ErrNotFound].
func (c *Client) StopSigning(ctx context.Context, role string) (*Task, error) {
	return queue(ctx, c, call{method: http.MethodPost, path: stopSigningPath}, &rstuf.MetadataSignDelete{Role: role})
}

// AddDelegations adds custom delegated roles (POST /delegations/). The task
// succeeds even if no role was added: its DelegatedRoles and FailedRoles tell.
func (c *Client) AddDelegations(ctx context.Context, roles rstuf.Delegations) (*Task, error) {
	return queue(ctx, c, call{method: http.MethodPost, path: delegationsPath}, delegationsBody(roles))
}

// UpdateDelegations replaces custom delegated roles (PUT /delegations/); for
// the task see [Client.AddDelegations].
func (c *Client) UpdateDelegations(ctx context.Context, roles rstuf.Delegations) (*Task, error) {
	return queue(ctx, c, call{method: http.MethodPut, path: delegationsPath}, delegationsBody(roles))
}

func delegationsBody(roles rstuf.Delegations) *rstuf.DelegationsUpdate {
	if roles.Keys == nil {
		roles.Keys = map[string]rstuf.Key{}
	}
	if roles.Roles == nil {
		roles.Roles = []rstuf.DelegatedRole{}
	}
	return &rstuf.DelegationsUpdate{Delegations: roles}
}

// DeleteDelegations removes custom delegated roles (POST /delegations/delete);
// for the task see [Client.AddDelegations]. Their names can't be used again.
func (c *Client) DeleteDelegations(ctx context.Context, names ...string) (*Task, error) {
	return queue(ctx, c, call{method: http.MethodPost, path: deleteDelegationsPath}, &rstuf.DelegationsDelete{Roles: names})
}

// AddArtifacts adds artifacts or replaces those of the same path (POST
// /artifacts/). The task ends when they are published, and tells of paths
// that match no delegation in InvalidPaths. For very many see [Publisher].
func (c *Client) AddArtifacts(ctx context.Context, request rstuf.AddArtifacts) (*Task, error) {
	if err := request.Validate(); err != nil {
		return nil, fmt.Errorf("POST %s: %w", artifactsPath, err)
	}
	body, err := appendAddArtifacts(nil, request)
	if err != nil {
		return nil, fmt.Errorf("POST %s: %w", artifactsPath, err)
	}
	return c.submit(ctx, call{method: http.MethodPost, path: artifactsPath, body: body, repeat: true})
}

// DeleteArtifacts removes artifacts by path (POST /artifacts/delete). The task
// ends when that is published, and tells of paths that were not there in
// NotFoundArtifacts.
func (c *Client) DeleteArtifacts(ctx context.Context, request rstuf.DeleteArtifacts) (*Task, error) {
	if request.Artifacts == nil {
		request.Artifacts = []string{}
	}
	return queue(ctx, c, call{method: http.MethodPost, path: deleteArtifactsPath}, &request)
}

// Publish publishes what was added or removed with SkipPublish (POST
// /artifacts/publish/).
func (c *Client) Publish(ctx context.Context) (*Task, error) {
	return c.submit(ctx, call{method: http.MethodPost, path: publishPath, repeat: true})
}

func (c *Client) get(ctx context.Context, path string, data any) error {
	return c.do(ctx, call{method: http.MethodGet, path: path, repeat: true}, data)
}

// queue checks and sends a request that queues a task.
func queue(ctx context.Context, c *Client, call call, request interface{ Validate() error }) (*Task, error) {
	if err := request.Validate(); err != nil {
		return nil, fmt.Errorf("%s %s: %w", call.method, call.path, err)
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", call.method, call.path, err)
	}
	call.body = body
	return c.submit(ctx, call)
}

func (c *Client) submit(ctx context.Context, call call) (*Task, error) {
	// Of the data only the id is wanted: the answer to a large request
	// repeats every path.
	var accepted struct {
		TaskID string `json:"task_id"`
	}
	if err := c.do(ctx, call, &accepted); err != nil {
		return nil, err
	}
	if accepted.TaskID == "" {
		return nil, noData(call.method, call.path)
	}
	return c.Task(accepted.TaskID), nil
}

func noData(method, path string) error {
	return fmt.Errorf("%s %s: %w", method, path, &contentError{reason: "the answer lacks its data"})
}

// SubmitBootstrap sends the payload that makes the repository and returns the
// id of the task (POST /bootstrap/). It is sent once: if the answer is lost,
// the service's state tells whether it arrived.
func (c *Client) SubmitBootstrap(ctx context.Context, payload *rstuf.BootstrapPayload) (taskID string, err error) {
	task, err := queue(ctx, c, call{method: http.MethodPost, path: bootstrapPath}, payload)
	if err == nil {
		return task.id, nil
	}
	var answer *Error
	lost := errors.Is(err, ErrUnavailable) || errors.As(err, &answer) && answer.Status >= 500
	if !lost || transport.NotSent(err) || ctx.Err() != nil || answer != nil && answer.Status == http.StatusTooManyRequests {
		return "", err
	}
	return c.findBootstrap(ctx, payload, err)
}
