package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// Tasks as a replica answers for them, whichever accepted or published. One has ended
// once clients see what it has published.

// findTask is as that of a [Service].
func (r *Replica) findTask(ctx context.Context, id taskID) (*waiting, json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	q := r.front.queue
	for range 2 { // it goes from the queue to the results in one commit
		raw, err := r.front.results.get(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		if raw != nil {
			untold, err := r.untold(ctx)
			if untold[id] {
				return &waiting{id: id}, nil, err
			}
			return nil, raw, err
		}
		if q.find(id) == nil {
			if err := q.fetch(ctx, []string{id.key()}); err != nil {
				return nil, nil, err
			}
		}
		if w := q.find(id); w != nil {
			return w, nil, nil
		}
	}
	return nil, nil, nil
}

// newestEnded is as that of a [Service].
func (r *Replica) newestEnded(ctx context.Context, limit int) ([]rstuf.Task, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	keys, err := r.joined.Keys(ctx, tableTasks)
	if err != nil {
		return nil, err
	}
	slices.Reverse(keys)
	list, err := r.front.results.list(ctx, keys[:min(limit, len(keys))])
	if err != nil {
		return nil, err
	}
	untold, err := r.untold(ctx)
	for i := range list {
		if id, _ := parseTaskID(list[i].ID); untold[id] {
			list[i].State = rstuf.TaskStarted
			list[i].Result = &rstuf.TaskResult{}
		}
	}
	return list, err
}

// noteEnding notes which tasks end with a publication, for the fronts of replicas:
// their results are committed before clients see what is published, and are told after.
func (s *Service) noteEnding(c *changes, p *publication) {
	if s.cfg.Replicas == nil {
		return
	}
	var raw []byte
	if p.published() {
		for _, e := range p.ended {
			raw = append(raw, e.w.id[:]...)
		}
	}
	c.put(tableState, keyEnding, seal(raw))
}

// untold are the tasks that end with the last publication, while clients do not see it.
func (r *Replica) untold(ctx context.Context) (map[taskID]bool, error) {
	stored := map[string]string{}
	err := r.joined.Get(ctx, tableState, []string{keyEnding, keyTimestamp, keyRoot}, func(key string, value []byte) error {
		stored[key] = string(value)
		return nil
	})
	ids := parseIDs([]byte(stored[keyEnding]))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	now := told{stored[keyTimestamp], stored[keyRoot]}
	r.view.mu.Lock()
	before := r.view.told
	r.view.mu.Unlock()
	if before == now {
		return nil, nil
	}
	seen, err := r.front.isTold(ctx, stored, before.root != now.root)
	if err != nil {
		return nil, filesError{err}
	}
	if seen {
		r.view.mu.Lock()
		defer r.view.mu.Unlock()
		r.view.told = now
		return nil, nil
	}
	list := map[taskID]bool{}
	for _, id := range ids {
		list[id] = true
	}
	return list, nil
}

// isTold tells whether clients see the timestamp that is stored, or a later one, and the
// root too if that is asked.
func (s *Service) isTold(ctx context.Context, stored map[string]string, root bool) (bool, error) {
	r := &repository{}
	for _, key := range []string{keyTimestamp, keyRoot} {
		if err := r.loadValue(key, []byte(stored[key])); err != nil {
			return false, fmt.Errorf("%s: %w", key, err)
		}
	}
	there, err := s.storage.Read(ctx, metadata.Filename(rstuf.RoleTimestamp, 0))
	if err == nil && string(there) != string(r.timestamp) {
		want, err := metadata.Parse(r.timestamp)
		if err != nil {
			return false, err
		}
		if doc, err := metadata.Parse(there); err != nil || doc.Version() < want.Version() {
			return false, nil
		}
	}
	if err == nil && root {
		_, err = s.storage.Read(ctx, metadata.Filename(rstuf.RoleRoot, r.root.Version()))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
