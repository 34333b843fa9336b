package shape

// Schema is the shape as a JSON Schema, as OpenAPI 3.1 has it. The conversions of
// the API's lax mode are not in it: what fits the schema is taken as it is.
func (s *Shape) Schema() map[string]any {
	out := map[string]any{}
	switch s.Kind {
	case Any:
		return out
	case Object, OpenFields:
		s.fields(out)
	case OpenObject:
		out["type"], out["additionalProperties"] = "object", s.Elem.Schema()
		if len(s.Keys) > 0 {
			out["propertyNames"] = map[string]any{"enum": s.Keys}
		}
	case List:
		out["type"], out["items"] = "array", s.Elem.Schema()
		if s.MinItems > 0 {
			out["minItems"] = s.MinItems
		}
	case String:
		out["type"] = "string"
	case Bool:
		out["type"] = "boolean"
	case Int:
		out["type"] = "integer"
		if s.Gt != nil {
			out["exclusiveMinimum"] = *s.Gt
		}
		if s.Lt != nil {
			out["exclusiveMaximum"] = *s.Lt
		}
	}
	if s.Nullable {
		out["type"] = []string{out["type"].(string), "null"}
	}
	return out
}

// fields describes an object. Fields that the API does not know are passed over,
// and so are allowed.
func (s *Shape) fields(out map[string]any) {
	properties, required := map[string]any{}, []string{}
	for _, f := range s.Fields {
		properties[f.Name] = f.Shape.Schema()
		if f.Required {
			required = append(required, f.Name)
		}
	}
	out["type"], out["properties"] = "object", properties
	if len(required) > 0 {
		out["required"] = required
	}
}
