package service

import (
	"encoding/json"
	"reflect"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/shape/requests"
	"example.org/rstuf/internal/wire"
)

func lower(method string) string { return strings.ToLower(method) }

// envelope is the schema of a successful answer with data.
func envelope(data reflect.Type) object {
	return object{"type": "object", "properties": object{"data": schemaOf(data), "message": object{"type": "string"}}, "required": []string{"message"}}
}

// schemas are of the types that write their JSON themselves.
var schemas = map[reflect.Type]func() object{
	typeOf[rstuf.Time]():               func() object { return object{"type": "string", "format": "date-time"} },
	typeOf[json.RawMessage]():          anyObject,
	typeOf[rstuf.Key]():                requests.Key.Schema,
	typeOf[rstuf.Delegations]():        requests.Delegations.Schema,
	typeOf[rstuf.RepositorySettings](): settingsSchema,
	typeOf[rstuf.Names](): func() object { // of running tasks it is a text, as clients read it; where nothing was published null
		return object{"type": []string{"array", "string", "null"}, "items": object{"type": "string"}}
	},
	typeOf[rstuf.PendingMetadata](): func() object {
		return object{"type": "object", "required": []string{"metadata"}, "properties": object{"metadata": object{"type": "object", "additionalProperties": anyObject()}}}
	},
	typeOf[wire.ErrorBody](): func() object {
		texts := object{"message": object{"type": "string"}, "error": object{"type": "string"}}
		field := object{"type": "object", "required": []string{"type", "loc", "msg"}, "properties": object{
			"type": object{"type": "string"}, "msg": object{"type": "string"},
			"loc": object{"type": "array", "items": object{"type": []string{"string", "integer"}}},
		}}
		return object{"type": "object", "required": []string{"detail"}, "properties": object{"detail": object{"anyOf": []object{
			{"type": "string"}, {"type": "object", "properties": texts}, {"type": "array", "items": field},
		}}}}
	},
}

func anyObject() object { return object{"type": "object"} }

// settingsSchema is the answer of GET /config/, whose names hold names of roles.
func settingsSchema() object {
	key := requests.Key.Schema()
	key["properties"].(object)["keyid"] = object{"type": "string"}
	return object{
		"type": "object", "required": []string{"bootstrap", "targets_online_key", "trusted_root", "trusted_targets"},
		"properties": object{
			"bootstrap": object{"type": "string"}, "targets_online_key": object{"type": "boolean"},
			"number_of_delegated_bins": object{"type": "integer"}, "delegations": requests.Delegations.Schema(), "online_key": key,
			"trusted_root": anyObject(), "trusted_targets": anyObject(),
		},
		"patternProperties": object{
			"_(expiration|threshold|num_keys)$": object{"type": "integer"},
			"_signing$":                         object{"type": []string{"object", "null"}},
		},
	}
}

// schemaOf is the schema of a type's JSON.
func schemaOf(t reflect.Type) object {
	if s, ok := schemas[t]; ok {
		return s()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Struct:
		return structSchema(t)
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	}
	panic("no schema for " + t.String()) // a test makes all of them
}

func structSchema(t reflect.Type) object {
	properties, required := object{}, []string{}
	for field := range t.Fields() {
		name, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		properties[name] = schemaOf(field.Type)
		if !strings.Contains(rest, "omit") {
			required = append(required, name)
		}
	}
	out := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}
