package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/wire"
)

// writePayload writes the payload in the form that its policy asks for.
func writePayload(path string, draft *ceremony.Draft, force bool) error {
	if first := draft.FirstGenerationPayload(); first != nil {
		return writePayloadFile(path, first, force)
	}
	return writePayloadFile(path, draft.Payload(), force)
}

func writePayloadFile[P bootstrap.Payload](path string, payload P, force bool) error {
	if force {
		return bootstrap.ReplaceFile(path, payload)
	}
	return bootstrap.WriteFile(path, payload)
}

// sendBootstrap sends a payload and waits for the bootstrap.
func (a *app) sendBootstrap(ctx context.Context, payload *rstuf.BootstrapPayload) (bootstrap.Result, error) {
	api, err := a.connect()
	if err != nil {
		return bootstrap.Result{}, err
	}
	ctx, cancel := a.withTimeout(ctx, taskTimeout)
	defer cancel()
	defer a.waiting(func() string { return "the bootstrap: is a worker running?" })()
	return bootstrap.Run(ctx, api, payload, bootstrap.WithProgress(func(task rstuf.Task) {
		a.progress("bootstrap %s: %s", task.ID, task.State)
	}))
}

// sendBootstrapFile sends the payload of a file.
func (a *app) sendBootstrapFile(ctx context.Context, path string) error {
	file, err := bootstrap.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: rstuf admin ceremony --out FILE writes one", err)
	}
	if err != nil {
		return err
	}
	result, err := a.sendBootstrap(ctx, file.Payload)
	if err != nil {
		return err
	}
	err = a.result(result, func() { a.printf("%s", result) })
	return errors.Join(err, waitingFor(result))
}

// waitingFor is the error of a bootstrap that waits for signatures.
func waitingFor(result bootstrap.Result) error {
	if result.State != wire.BootstrapSigning {
		return nil
	}
	return waitingError{"the bootstrap waits for signatures: see rstuf admin metadata sign"}
}
