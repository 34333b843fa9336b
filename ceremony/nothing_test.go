package ceremony_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/metadata"
)

// What is nothing is an error or says so, and nothing panics.
func TestNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	draft := newDraft(t, nil)
	doc := draft.Document()
	for _, none := range []*ceremony.Draft{nil, {}} {
		for name, do := range map[string]func() error{
			"Sign":         func() error { return none.Sign(ctx, exampleKey("alice")) },
			"AddSignature": func() error { return none.AddSignature(rstuf.Signature{}) },
			"Merge":        func() error { return none.Merge(draft) },
			"merge it":     func() error { return draft.Merge(none) },
			"Pin":          func() error { return none.Pin(doc) },
			"Send":         func() error { _, err := none.Send(ctx, nil); return err },
			"Save":         func() error { return none.Save(t.TempDir() + "/draft.json") },
			"MarshalJSON":  func() error { _, err := none.MarshalJSON(); return err },
			"Next":         func() error { _, err := ceremony.Next(ctx, none.Document(), ceremony.Change{Days: 3}); return err },
		} {
			assert.NotPanics(t, func() { assert.Error(t, do(), name) }, name)
		}
	}
	none := &ceremony.Draft{}
	assert.NotPanics(t, func() {
		assert.False(t, none.Status().Complete())
		assert.Contains(t, none.Status().String(), "there is no draft")
		assert.Empty(t, none.Status().Missing())
		assert.Equal(t, "no draft", none.String())
		assert.Len(t, none.Review(testNow).Warnings, 1)
		assert.NotEmpty(t, none.Review(testNow).String())
		assert.Empty(t, none.Role())
		assert.Nil(t, none.Document())
		assert.Nil(t, none.Trusted())
		assert.Nil(t, none.Payload())
		assert.Nil(t, none.FirstGenerationPayload())
		assert.Nil(t, none.Update())
		assert.Empty(t, none.TargetsBaseURL())
		assert.Empty(t, none.KeyIDs(public("alice")))
		none.TrustServerRootUnsafe()
	})
	for name, do := range map[string]func() error{
		"no signer":   func() error { return draft.Sign(ctx, nil) },
		"no API":      func() error { _, err := draft.Send(ctx, nil); return err },
		"Pending":     func() error { _, err := ceremony.Pending(ctx, nil); return err },
		"Pin":         func() error { return draft.Pin() },
		"Pin nil":     func() error { return draft.Pin(nil) },
		"New":         func() error { _, err := ceremony.New(ceremony.Policy{}); return err },
		"PlanRoles":   func() error { _, err := ceremony.PlanRoles(nil, nil, ceremony.RoleChange{}); return err },
		"no targets":  func() error { _, err := ceremony.PlanRoles(doc, nil, ceremony.RoleChange{}); return err },
		"Next":        func() error { _, err := ceremony.Next(ctx, nil, ceremony.Change{}); return err },
		"Next of new": func() error { _, err := ceremony.Next(ctx, &metadata.Document{}, ceremony.Change{}); return err },
	} {
		assert.NotPanics(t, func() { assert.Error(t, do(), name) }, name)
	}
}
