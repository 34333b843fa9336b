package service

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
)

// artifacts writes a row for each artifact of the roles. One that waits to be
// published by signatures counts as published, as it does at the worker; what waits
// in the queue does not.
func (e *exporter) artifacts(ctx context.Context, w io.Writer, delegated []string) error {
	changes, err := e.unpublished(ctx)
	if err != nil {
		return err
	}
	covers, stray := e.coverage(), 0
	for i, role := range delegated {
		doc, err := e.newest(ctx, role)
		if err != nil {
			return err
		}
		if doc == nil {
			continue
		}
		files, err := doc.TargetFiles()
		if err != nil {
			return fmt.Errorf("%s: %w", role, err)
		}
		for path, form := range files {
			if !covers(i, path) {
				stray++
				continue
			}
			change, waits := changes[path]
			delete(changes, path)
			if waits {
				err = e.waitingFile(w, path, form, change, i)
			} else {
				err = e.fileRow(w, path, form, "t", "ADD", i)
			}
			if err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if stray > 0 {
		e.left("Artifacts that no client finds, since their role does not cover them or an earlier one has them too: %d. They go when that role is signed next.", stray)
	}
	return e.newFiles(w, changes)
}

// newFiles writes rows for the artifacts that wait to be published and are in no
// role yet.
func (e *exporter) newFiles(w io.Writer, changes map[string]string) error {
	route, err := e.repo.router()
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(changes)) {
		role := route.add(path)
		if role < 0 || changes[path] == "" {
			continue // its task would have told that there is no such role, or artifact
		}
		if err := e.waitingFile(w, path, nil, changes[path], role); err != nil {
			return err
		}
	}
	return nil
}

// unpublished are the changes of artifacts that were accepted and not published, by
// path: the new description, packed as in the queue, or nothing for a removal.
func (e *exporter) unpublished(ctx context.Context) (map[string]string, error) {
	changes, others := map[string]string{}, 0
	var batch []*waiting
	aside := e.s.setAside()
	for _, w := range e.s.queue.list {
		switch {
		case w.kind == publishArtifacts:
		case !w.kind.artifacts() || slices.Contains(aside, w):
			others++
		default:
			batch = append(batch, w)
		}
	}
	if others > 0 {
		e.left("Requests that were accepted and not carried out, and are not about artifacts or were set aside: %d. Start the service again, see rstuf task list, stop it, and export anew.", others)
	}
	for _, w := range batch { // one at a time, for their size
		bodies, err := e.s.queue.bodies(ctx, []*waiting{w})
		if err != nil {
			return nil, err
		}
		for path, form := range entries(bodies[0]) {
			changes[path] = form
		}
	}
	return changes, nil
}

// waitingFile writes the row of an artifact whose change waits to be published.
func (e *exporter) waitingFile(w io.Writer, path string, form []byte, change string, role int) error {
	e.done.Unpublished++
	if change == "" {
		return e.fileRow(w, path, form, "f", "REMOVE", role)
	}
	return e.fileRow(w, path, appendForm(nil, change), "f", "ADD", role)
}

func (e *exporter) fileRow(w io.Writer, path string, form []byte, published, action string, role int) error {
	if strings.ContainsRune(path, 0) {
		return fmt.Errorf("PostgreSQL holds no artifact with a NUL in its path, such as %s: remove it first", quote.Word(path))
	}
	e.done.Artifacts++
	_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\n", copyText(path), copyText(string(canonical.JSON(form))), published, action, sqlTime(e.now), role+1)
	return err
}

// coverage tells whether clients find an artifact in a role, given by its place
// among the delegated ones, when it is asked for the roles in that order.
func (e *exporter) coverage() func(role int, path string) bool {
	if succinct := e.repo.delegations.Succinct; succinct != nil {
		bins, err := succinct.Bins()
		return func(role int, path string) bool { return err == nil && bins.Index(path) == role }
	}
	seen := map[string]bool{} // the table has a path once
	return func(role int, path string) bool {
		if seen[path] || !metadata.Covers(e.repo.delegations.Roles[role], path) {
			return false
		}
		seen[path] = true
		return true
	}
}

// newest is the newest document of a role, be it that it waits for signatures;
// nil where there is none.
func (e *exporter) newest(ctx context.Context, role string) (*metadata.Document, error) {
	if waits := e.repo.signing[role]; waits != nil {
		return waits, nil
	}
	info := e.repo.roles.get(role)
	if info.version == 0 {
		return nil, nil
	}
	data, err := readRole(ctx, e.s.storage, role, info)
	if err != nil {
		return nil, err
	}
	return metadata.Parse(data)
}
