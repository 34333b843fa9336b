package service_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf"
)

// same compares a recorded body with ours, after both were brought to what has
// to be the same.
func (r *replay) same(step string, recorded, got any) {
	r.Helper()
	want := r.normal(parse(r, []byte(r.translate(encode(recorded)))))
	ours := r.normal(got)
	assert.Equal(r, want, ours, step)
}

func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was decoded from JSON
	}
	return string(data)
}

// normal replaces what differs from run to run, and what the recorded
// deployment gets wrong.
func (r *replay) normal(v any) any {
	switch v := v.(type) {
	case []any:
		out := []any{}
		for _, item := range v {
			out = append(out, r.normal(item))
		}
		return out
	case map[string]any:
		if v["signed"] != nil && v["signatures"] != nil {
			return r.normalDocument(v)
		}
		out := map[string]any{}
		for name, value := range v {
			if r.ignored(name) {
				continue
			}
			out[name] = r.normalField(name, value)
		}
		if out["type"] == "json_invalid" { // parsers differ in place and words
			delete(out, "loc")
			delete(out, "ctx")
		}
		if out["msg"] == "Value " || out["type"] == "value_error" && strings.HasPrefix(fmt.Sprint(out["msg"]), "Value error, Exactly one") {
			delete(out, "msg") // the recorded text was cut off
		}
		return r.normalRoles(out)
	}
	return v
}

// ignored are settings that are the recorded deployment's alone: of roles that
// were removed, or refused here, and the number of root keys, which it does
// not bring up to date.
func (r *replay) ignored(name string) bool {
	role, _, _ := strings.Cut(name, "_")
	return r.gone[role] || name == "root_num_keys"
}

var isTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)

func (r *replay) normalField(name string, value any) any {
	switch text, isText := value.(string); {
	case name == "last_update" && isText:
		assert.Regexp(r, isTime, text)
		return "TIME"
	case name == "reason": // a text, or a list of texts
		if list, ok := value.([]any); ok && len(list) == 1 {
			value = list[0]
		}
		return value
	}
	return r.normal(value)
}

// normalRoles brings the results of delegation tasks to what they mean: {} is
// an empty list, and a role that was updated did not fail.
func (r *replay) normalRoles(fields map[string]any) map[string]any {
	done, ok := fields["delegated_roles"]
	if !ok {
		return fields
	}
	if _, object := done.(map[string]any); object {
		done = []any{}
		fields["delegated_roles"] = done
	}
	var failed []any
	for _, item := range fields["failed_roles"].([]any) {
		role := item.(map[string]any)
		if slices.Contains(done.([]any), role["role"]) {
			continue
		}
		if strings.HasSuffix(fmt.Sprint(role["reason"]), "doesn't exist.") { // it prints an object's address
			role["reason"] = "doesn't exist."
		}
		if !slices.ContainsFunc(failed, func(other any) bool { return encode(other) == encode(role) }) {
			failed = append(failed, role)
		}
	}
	fields["failed_roles"] = failed
	return fields
}

// normalDocument keeps of signed metadata what does not depend on time. A root
// is kept as it is: it was made outside.
func (r *replay) normalDocument(doc map[string]any) any {
	signed := maps.Clone(doc["signed"].(map[string]any))
	if signed["_type"] == rstuf.RoleRoot {
		return doc
	}
	delete(signed, "expires")
	delete(signed, "version") // other publications than the recorded ones
	var signers []string
	for _, sig := range doc["signatures"].([]any) {
		// While the online key changes, the old one signs too.
		if id := sig.(map[string]any)["keyid"].(string); !r.retired[id] {
			signers = append(signers, id)
		}
	}
	slices.Sort(signers)
	if d, ok := signed["delegations"].(map[string]any); ok {
		signed["delegations"] = r.normalDelegations(d)
	}
	return map[string]any{"signed": signed, "signers": signers}
}

func (r *replay) normalDelegations(d map[string]any) any {
	d = maps.Clone(d)
	if list, ok := d["roles"].([]any); ok {
		d["roles"] = slices.DeleteFunc(slices.Clone(list), func(role any) bool {
			return r.gone[role.(map[string]any)["name"].(string)]
		})
	}
	return d
}
