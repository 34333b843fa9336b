package service

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// entry is one change: an artifact with its canonical description, or the
// removal of one, whose description is empty.
type entry struct {
	path, form string
	task       int32 // its place in the batch
	number     int32 // its place in the request
}

// artifactTask gathers what is said of one artifact request at its end.
type artifactTask struct {
	w       *waiting
	paths   []string // of the request, those that belong to a role
	invalid []string
	hidden  []string // of paths, those that tuf-js does not find
	found   []bool   // of a removal, by the place in the request
	roles   []int    // that it changes, in order of first mention
}

// artifacts gathers artifact requests into the changes of roles.
func (p *publication) artifacts(ctx context.Context, batch []*waiting, bodies []string) error {
	route, err := p.old.router()
	if err != nil {
		return err
	}
	tasks := make([]artifactTask, len(batch))
	all := changeSet{roles: make([][]entry, route.count())}
	for i, w := range batch {
		tasks[i].w = w
		tasks[i].gather(int32(i), bodies[i], route, &all)
		bodies[i] = ""
		w.show(route.namesOf(tasks[i].roles))
	}
	slices.SortFunc(all.anywhere, entry.compare)
	changed := make([]bool, len(all.roles))
	err = each(ctx, all.touched(), func(ctx context.Context, role int) (err error) {
		changed[role], err = p.change(ctx, route.name(role), all.roles[role], all.anywhere, tasks)
		all.roles[role] = nil
		return err
	})
	if err != nil {
		return err
	}
	p.endArtifacts(tasks, route, changed)
	return nil
}

// changeSet is what artifact requests change.
type changeSet struct {
	roles [][]entry // by role
	// anywhere are removals from whatever role has the artifact: delegations
	// may have changed since it was added. They are kept once, not for each role.
	anywhere []entry
}

// touched are the roles that may change.
func (c *changeSet) touched() (list []int) {
	for role := range c.roles {
		if len(c.roles[role])+len(c.anywhere) > 0 {
			list = append(list, role)
		}
	}
	return list
}

// compare orders changes by path, and those of one path by arrival.
func (e entry) compare(other entry) int {
	return cmp.Or(strings.Compare(e.path, other.path), cmp.Compare(e.task, other.task), cmp.Compare(e.number, other.number))
}

// gather sorts the entries of a request into the changes of roles.
func (t *artifactTask) gather(task int32, text string, route *router, changes *changeSet) {
	mentioned := map[int]bool{}
	mention := func(role int) {
		if !mentioned[role] {
			mentioned[role] = true
			t.roles = append(t.roles, role)
		}
	}
	note := func(role int, e entry) {
		changes.roles[role] = append(changes.roles[role], e)
		mention(role)
	}
	number := int32(0)
	for path, form := range entries(text) {
		e := entry{path, form, task, number}
		number++
		role := route.add(path)
		switch {
		case t.w.kind == removeArtifacts && route.bins == nil:
			changes.anywhere = append(changes.anywhere, e)
			t.paths = append(t.paths, path)
		case role < 0:
			t.invalid = append(t.invalid, path)
		default:
			note(role, e)
			t.paths = append(t.paths, path)
			if form != "" && route.hidesFromTUFJS(role, path) {
				t.hidden = append(t.hidden, path)
			}
		}
	}
	if t.w.kind == removeArtifacts {
		t.found = make([]bool, number)
		for role := range route.roles {
			mention(role)
		}
	}
}

// change applies changes to one role, its own and those of the removals that
// meet something in it, and tells whether it is another role then.
func (p *publication) change(ctx context.Context, role string, list, anywhere []entry, tasks []artifactTask) (bool, error) {
	isOnline, err := p.isOnline(ctx, role)
	if err != nil {
		return false, err
	}
	old, err := p.read(ctx, role)
	if waits := p.old.signing[role]; waits != nil && !isOnline {
		old, err = waits, nil
	}
	if err != nil {
		return false, err
	}
	w, err := metadata.NewTargetsWriter(p.targetsBody(role))
	if err != nil {
		return false, err
	}
	if list, err = withRemovals(list, anywhere, old); err != nil {
		return false, err
	}
	m := merge{w: w}
	if err := m.run(old, list); err != nil {
		return false, &unpublishable{role, err}
	}
	p.mu.Lock()
	for _, e := range m.found {
		tasks[e.task].found[e.number] = true
	}
	p.mu.Unlock()
	if !m.changed {
		return false, nil
	}
	doc := w.Document()
	if isOnline {
		return true, p.put(ctx, role, doc)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.park(role, doc)
	return true, nil
}

// withRemovals adds to the changes of a role, and sorts them with, the removals
// of paths that it has or gets: no more than it is large itself.
func withRemovals(list, anywhere []entry, old *metadata.Document) ([]entry, error) {
	slices.SortFunc(list, entry.compare)
	if len(anywhere) == 0 {
		return list, nil
	}
	var met []entry
	meet := func(path string) {
		first, _ := slices.BinarySearchFunc(anywhere, path, func(e entry, path string) int { return strings.Compare(e.path, path) })
		for _, e := range anywhere[first:] {
			if e.path != path {
				break
			}
			met = append(met, e)
		}
	}
	for i, e := range list {
		if i == 0 || list[i-1].path != e.path {
			meet(e.path)
		}
	}
	if old != nil {
		files, err := old.TargetFiles()
		if err != nil {
			return nil, err
		}
		for path := range files {
			if _, own := slices.BinarySearchFunc(list, path, func(e entry, path string) int { return strings.Compare(e.path, path) }); !own {
				meet(path)
			}
		}
	}
	list = append(list, met...)
	slices.SortFunc(list, entry.compare)
	return list, nil
}

// unpublishable is the error of changes that no version of a role can hold,
// since it would be too large.
type unpublishable struct {
	role string
	err  error
}

func (u *unpublishable) Error() string { return "role " + u.role + ": " + u.err.Error() }
func (u *unpublishable) Unwrap() error { return u.err }

// endArtifacts makes the results.
func (p *publication) endArtifacts(tasks []artifactTask, route *router, changed []bool) {
	for i := range tasks {
		t := &tasks[i]
		var o outcome
		switch t.w.kind {
		case addArtifacts:
			o = success(p.now, addArtifacts, "Artifact(s) Added", &rstuf.TaskDetails{
				AddedArtifacts: orEmpty(t.paths), InvalidPaths: orEmpty(t.invalid), ArtifactRoles: route.namesOf(t.roles),
			})
			if len(t.hidden) > 0 {
				p.log.Warn("tuf-js clients do not find artifacts with a dot at the start of a part: their role needs a pattern with the dot",
					"task", t.w.id.String(), "artifacts", len(t.hidden), "first", t.hidden[0])
			}
		case removeArtifacts:
			o = p.endRemoval(t)
		case publishArtifacts:
			o = p.endPublish(route, changed)
		}
		p.ended = append(p.ended, ended{t.w, o})
	}
}

func (p *publication) endRemoval(t *artifactTask) outcome {
	if len(t.found) == 0 {
		o, _ := refused(p.now, removeArtifacts, refuse("Removing artifact(s) Failed", "At list one artifact is required"))
		return o
	}
	details := &rstuf.TaskDetails{DeletedArtifacts: []string{}, NotFoundArtifacts: []string{}}
	for i, found := range t.found {
		if found {
			details.DeletedArtifacts = append(details.DeletedArtifacts, t.paths[i])
		} else {
			details.NotFoundArtifacts = append(details.NotFoundArtifacts, t.paths[i])
		}
	}
	return success(p.now, removeArtifacts, "Artifact(s) removed", details)
}

func (p *publication) endPublish(route *router, changed []bool) outcome {
	var names []string // null where there was nothing to publish
	for role, yes := range changed {
		if yes {
			names = append(names, route.name(role))
		}
	}
	raw, _ := json.Marshal(names)
	return success(p.now, publishArtifacts, "Publish Artifacts Processed", &rstuf.TaskDetails{
		Extra: map[string]json.RawMessage{"artifact_roles": raw},
	})
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// rolesToPublish are the roles of a request that waits for somebody else to
// publish it.
func (s *Service) rolesToPublish(ctx context.Context, w *waiting) ([]string, error) {
	route, err := s.current().router()
	if err != nil {
		return nil, err
	}
	bodies, err := s.queue.bodies(ctx, []*waiting{w})
	if err != nil {
		return nil, err
	}
	t := artifactTask{w: w}
	t.gather(0, bodies[0], route, &changeSet{roles: make([][]entry, route.count())})
	return route.namesOf(t.roles), nil
}
