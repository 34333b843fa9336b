package rstuf

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf/internal/shape"
)

// wires are the structs that stand for others on the wire.
var wires = map[reflect.Type]reflect.Type{
	reflect.TypeFor[Key]():               reflect.TypeFor[keyWire[map[string]string]](),
	reflect.TypeFor[DelegatedRole]():     reflect.TypeFor[delegatedRoleWire](),
	reflect.TypeFor[AddArtifacts]():      reflect.TypeFor[addArtifactsWire](),
	reflect.TypeFor[DeleteArtifacts]():   reflect.TypeFor[deleteArtifactsWire](),
	reflect.TypeFor[SettingsUpdate]():    reflect.TypeFor[settingsUpdateWire](),
	reflect.TypeFor[DelegationsDelete](): reflect.TypeFor[delegationsDeleteWire](),
}

// The shapes and the tags of the structs name the same fields, so that nothing
// is refused that is read, or read and never checked.
func TestShapesFollowTags(t *testing.T) {
	t.Parallel()
	for _, request := range []checked{
		&BootstrapPayload{}, &SettingsUpdate{}, &MetadataUpdate{}, &OnlineBump{}, &MetadataSign{},
		&MetadataSignDelete{}, &DelegationsUpdate{}, &DelegationsDelete{}, &AddArtifacts{}, &DeleteArtifacts{},
	} {
		typ := reflect.TypeOf(request).Elem()
		compare(t, typ.Name(), typ, request.shape())
	}
}

func compare(t *testing.T, at string, typ reflect.Type, s *shape.Shape) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if wire, ok := wires[typ]; ok {
		typ = wire
	}
	switch {
	case typ == reflect.TypeFor[json.RawMessage](): // kept as it is
	case typ.Kind() == reflect.Map:
		if s.Elem != nil {
			compare(t, at+".*", typ.Elem(), s.Elem)
		}
		for _, f := range s.Fields { // an object of named fields of one type
			compare(t, at+"."+f.Name, typ.Elem(), f.Shape)
		}
	case typ.Kind() == reflect.Slice:
		assert.Equal(t, shape.List, s.Kind, at)
		compare(t, at+"[]", typ.Elem(), s.Elem)
	case typ.Kind() == reflect.Struct:
		tags := tagged(typ)
		for _, f := range s.Fields {
			field, ok := tags[f.Name]
			if !ok {
				assert.True(t, f.Name == "name" && strings.HasSuffix(at, "keys.*"), "%s.%s: no tag names it", at, f.Name) // see Key.DisplayName
				continue
			}
			compare(t, at+"."+f.Name, field.Type, f.Shape)
		}
		for name := range tags {
			assert.True(t, slices.ContainsFunc(s.Fields, func(f shape.Field) bool { return f.Name == name }), "%s.%s: the shape does not have it", at, name)
		}
	case typ.Kind() == reflect.String:
		assert.Equal(t, shape.String, s.Kind, at)
	case typ.Kind() == reflect.Int || typ.Kind() == reflect.Int64:
		assert.Equal(t, shape.Int, s.Kind, at)
	case typ.Kind() == reflect.Bool:
		assert.Equal(t, shape.Bool, s.Kind, at)
	default:
		t.Errorf("%s: a %s has no shape", at, typ)
	}
}

// tagged are the fields of a struct by their names on the wire, with those of
// the structs that it embeds.
func tagged(typ reflect.Type) map[string]reflect.StructField {
	all := map[string]reflect.StructField{}
	for field := range typ.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous:
			for name, inner := range tagged(field.Type.Elem()) {
				all[name] = inner
			}
		case name != "" && name != "-":
			all[name] = field
		}
	}
	return all
}
