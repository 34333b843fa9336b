package service

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// The endpoints of RSTUF's API. What they answer is what a deployed one
// answers, word for word, but for its faults.

// bootstrapState is the state as messages name it: None, pre, signing or
// finished.
func (s *Service) bootstrapState() string {
	// In this order: a bootstrap leaves the queue when the repository is there.
	_, waits := s.queue.bootstrap()
	switch state := s.current().state.Bootstrap; {
	case state != "":
		return state
	case waits:
		return wire.BootstrapPre
	}
	return "None"
}

// current is the repository as it is published.
func (s *Service) current() *repository {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.repo
}

// needs answers a request that comes before the bootstrap has finished; nil if
// it has.
func (s *Service) needs(text, reason string) *answer {
	if state := s.bootstrapState(); state != wire.BootstrapFinished {
		a := notFound(text, reason+" State: "+state)
		return &a
	}
	return nil
}

const notAccepted = "Task not accepted."

// decode reads the body of a request and checks it.
func decode[T rstuf.Request](r *http.Request) (*T, []byte, *answer) {
	body := callOf(r.Context()).body
	request, err := rstuf.Decode[T](body)
	if err != nil {
		a := invalid(err)
		return nil, nil, &a
	}
	return request, body, nil
}

func (s *Service) getBootstrap(*http.Request) answer {
	out := wire.Response[rstuf.BootstrapState]{Data: &rstuf.BootstrapState{}, Message: "System available for bootstrap."}
	if state := s.bootstrapState(); state != "None" {
		out.Message = "System LOCKED for bootstrap."
		out.Data.State = state
		out.Data.Bootstrap = state == wire.BootstrapFinished
		out.Data.ID = s.current().state.BootstrapID
		if out.Data.ID == "" {
			out.Data.ID, _ = s.queue.bootstrap()
		}
	}
	return answer{http.StatusOK, out}
}

func (s *Service) postBootstrap(r *http.Request) answer {
	body := callOf(r.Context()).body
	payload, err := decodePayload(body)
	if err != nil {
		return invalid(err)
	}
	locked := func() answer {
		return notFound("", "System already has a Metadata. State: "+s.bootstrapState())
	}
	if s.bootstrapState() != "None" {
		return locked()
	}
	root, errs := s.checkRoot(payload.Root())
	if d := payload.Settings.Roles.Delegations; d != nil {
		errs = append(errs, checkKeyIDs(d.Keys, "body", "settings", "roles", "delegations", "keys")...)
		if len(errs) == 0 {
			errs = checkDelegations(d, nil, trusted(root), "body", "settings", "roles", "delegations", "roles")
		}
	}
	if len(errs) > 0 {
		return invalid(errs)
	}
	if !s.queue.beginBootstrap() {
		return locked()
	}
	if s.current().state.Bootstrap != "" { // another one has ended meanwhile
		s.queue.endBootstrap()
		return locked()
	}
	a := s.submit(r.Context(), append(newRecord(bootstrapRepository, false), body...), "Bootstrap accepted.", nil)
	if a.status != http.StatusAccepted {
		s.queue.endBootstrap()
	}
	return a
}

// checkRoot checks a root against the rules that need no other root.
func (s *Service) checkRoot(raw []byte) (*metadata.Document, rstuf.ValidationError) {
	doc, err := metadata.Parse(raw)
	if err == nil {
		err = metadata.CheckRoot(doc, s.cfg.Now())
	}
	if err == nil {
		return doc, nil
	}
	return nil, rstuf.ValidationError{fieldError(err, "body", "metadata", rstuf.RoleRoot)}
}

func fieldError(err error, loc ...any) rstuf.FieldError {
	return rstuf.FieldError{Type: "value_error", Loc: loc, Msg: "Value error, " + err.Error(), Input: []byte("{}"), Ctx: map[string]any{"error": map[string]any{}}}
}

// checkKeyIDs checks that keys are keys and that their ids are theirs.
func checkKeyIDs(list map[string]rstuf.Key, loc ...any) (errs rstuf.ValidationError) {
	for _, id := range slices.Sorted(maps.Keys(list)) {
		key, err := keys.FromKey(list[id])
		if err == nil && !key.HasID(id) {
			err = fmt.Errorf("the id does not fit the key: it is %s", key.ID())
		}
		if err != nil {
			errs = append(errs, fieldError(err, append(slices.Clone(loc), id)...))
		}
	}
	return errs
}

// checkDelegations checks custom roles against what stands. A key that is not
// known may come with a request that waits, so that the task says it.
func checkDelegations(d *rstuf.Delegations, known map[string]rstuf.Key, root *trustedRoot, loc ...any) rstuf.ValidationError {
	view, err := root.Root()
	if err == nil {
		err = metadata.CheckDelegations(d, known, view)
	}
	if err == nil || errors.Is(err, metadata.ErrUnknownKey) {
		return nil
	}
	return rstuf.ValidationError{fieldError(err, loc...)}
}

func (s *Service) getConfig(*http.Request) answer {
	const none = "No Repository Settings/Config found."
	if a := s.needs(none, "It requires bootstrap."); a != nil {
		return *a
	}
	settings, err := s.current().settings()
	if err != nil {
		return message(http.StatusInternalServerError, err.Error())
	}
	return answer{http.StatusOK, wire.Response[rstuf.RepositorySettings]{Data: settings, Message: "Current Settings"}}
}

func (s *Service) putConfig(r *http.Request) answer {
	_, body, bad := decode[rstuf.SettingsUpdate](r)
	if bad != nil {
		return *bad
	}
	if a := s.needs("No Repository Settings/Config found.", "It requires bootstrap."); a != nil {
		return *a
	}
	return s.submit(r.Context(), append(newRecord(updateSettings, false), body...), "Settings successfully submitted.", nil)
}

func (s *Service) postMetadata(r *http.Request) answer {
	request, body, bad := decode[rstuf.MetadataUpdate](r)
	if bad != nil {
		return *bad
	}
	if a := s.needs(notAccepted, "Requires bootstrap finished."); a != nil {
		return *a
	}
	if _, errs := s.checkRoot(request.Metadata[rstuf.RoleRoot]); len(errs) > 0 {
		return invalid(errs)
	}
	return s.submit(r.Context(), append(newRecord(updateMetadata, false), body...), "Metadata update accepted.", nil)
}

func (s *Service) postOnline(r *http.Request) answer {
	_, body, bad := decode[rstuf.OnlineBump](r)
	if bad != nil {
		return *bad
	}
	if a := s.needs(notAccepted, "Requires bootstrap finished."); a != nil {
		return *a
	}
	return s.submit(r.Context(), append(newRecord(bumpOnline, false), body...), "Force new online metadata accepted.", nil)
}

// started tells whether there is a repository or a root that waits for
// signatures.
func (s *Service) started() (string, bool) {
	state := s.bootstrapState()
	return state, state == wire.BootstrapFinished || state == wire.BootstrapSigning
}

func (s *Service) getSign(*http.Request) answer {
	const none = "No metadata pending signing available"
	if state, ok := s.started(); !ok {
		return notFound(none, "Requires bootstrap started. State: "+state)
	}
	repo := s.current()
	if len(repo.signing) == 0 {
		return answer{http.StatusOK, wire.Response[rstuf.PendingMetadata]{Message: none}}
	}
	pending := &rstuf.PendingMetadata{Roles: map[string]jsonText{}}
	for role, doc := range repo.signing {
		pending.Roles[role] = doc.Bytes()
		switch {
		case repo.root == nil:
		case role == rstuf.RoleRoot:
			pending.TrustedRoot = repo.root.Bytes()
		default:
			pending.TrustedTargets = repo.targets.Bytes()
		}
	}
	return answer{http.StatusOK, wire.Response[rstuf.PendingMetadata]{Data: pending, Message: "Metadata role(s) pending signing"}}
}

func (s *Service) postSign(r *http.Request) answer {
	_, body, bad := decode[rstuf.MetadataSign](r)
	if bad != nil {
		return *bad
	}
	if state, ok := s.started(); !ok {
		return notFound("No signing pending.", "Requires bootstrap in signing state. State: "+state)
	}
	return s.submit(r.Context(), append(newRecord(signMetadata, false), body...), "Metadata sign accepted.", nil)
}

func (s *Service) postSignDelete(r *http.Request) answer {
	request, body, bad := decode[rstuf.MetadataSignDelete](r)
	if bad != nil {
		return *bad
	}
	if s.current().signing[request.Role] == nil {
		return notFound(fmt.Sprintf("No signing process for %s.", request.Role), fmt.Sprintf("The %s role is not in a signing process.", request.Role))
	}
	return s.submit(r.Context(), append(newRecord(deleteSign, false), body...), "Metadata sign delete accepted.", nil)
}

func (s *Service) postDelegations(r *http.Request) answer {
	return s.changeDelegations(r, addDelegations, "Metadata delegation add accepted.")
}

func (s *Service) putDelegations(r *http.Request) answer {
	return s.changeDelegations(r, updateDelegations, "Metadata delegation update accepted.")
}

func (s *Service) changeDelegations(r *http.Request, k kind, text string) answer {
	request, body, bad := decode[rstuf.DelegationsUpdate](r)
	if bad != nil {
		return *bad
	}
	if a := s.needs(notAccepted, "Requires bootstrap finished."); a != nil {
		return *a
	}
	if errs := checkKeyIDs(request.Delegations.Keys, "body", "delegations", "keys"); len(errs) > 0 {
		return invalid(errs)
	}
	// With hash bins there are no custom roles, which the task says.
	if repo := s.current(); repo.state.Bins == 0 {
		errs := checkDelegations(&request.Delegations, repo.delegations.Keys, repo.root, "body", "delegations", "roles")
		if len(errs) > 0 {
			return invalid(errs)
		}
	}
	return s.submit(r.Context(), append(newRecord(k, false), body...), text, nil)
}

func (s *Service) postDelegationsDelete(r *http.Request) answer {
	_, body, bad := decode[rstuf.DelegationsDelete](r)
	if bad != nil {
		return *bad
	}
	if a := s.needs(notAccepted, "Requires bootstrap finished."); a != nil {
		return *a
	}
	return s.submit(r.Context(), append(newRecord(deleteDelegations, false), body...), "Metadata delegation delete accepted.", nil)
}

func (s *Service) getTask(r *http.Request) answer {
	query := r.URL.Query()
	if !query.Has("task_id") {
		return invalid(rstuf.ValidationError{{Type: "missing", Loc: []any{"query", "task_id"}, Msg: "Field required", Input: jsonText("null")}})
	}
	task, err := s.task(r.Context(), query.Get("task_id"))
	if err != nil {
		return s.unavailable(err)
	}
	return answer{http.StatusOK, jsonText(`{"data":` + string(task) + `,"message":"Task state."}`)}
}
