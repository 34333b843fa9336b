package rstuf

import (
	"fmt"

	"example.org/rstuf/internal/shape"
)

// Request is a body that the API takes.
type Request interface {
	BootstrapPayload | SettingsUpdate | MetadataUpdate | OnlineBump | MetadataSign | MetadataSignDelete |
		DelegationsUpdate | DelegationsDelete | AddArtifacts | DeleteArtifacts
}

// checked is what every request has: the shape of its JSON, and the rules that
// no shape can state.
type checked interface {
	shape() *shape.Shape
	rules() []shape.Error
}

// Decode reads a request body and checks it. What is wrong with it comes back
// as a [ValidationError] in the form of the API's own 422 answers. Fields that
// the API does not know are passed over, as it does; see [DecodeStrict]. What
// two readers could read differently (a field twice, text that is not UTF-8)
// is refused, for the rules would hold for one reading only.
func Decode[T Request](body []byte) (*T, error) { return decode[T](body, false) }

// DecodeStrict is [Decode] for files that people write: it refuses the fields
// that the API would pass over.
func DecodeStrict[T Request](body []byte) (*T, error) { return decode[T](body, true) }

func decode[T Request](body []byte, strict bool) (*T, error) {
	request := new(T)
	checks := any(request).(checked)
	if err := asError(shape.Decode(checks.shape(), body, strict, request, checks.rules)); err != nil {
		return nil, err
	}
	return request, nil
}

// validate checks a request that was made in Go.
func validate(request checked) error {
	errs, err := shape.Check(request.shape(), request, request.rules)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	return asError(errs)
}

func asError(errs []shape.Error) error {
	if len(errs) == 0 {
		return nil
	}
	list := make(ValidationError, len(errs))
	for i, e := range errs {
		list[i] = FieldError(e)
	}
	return list
}
