package service

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"example.org/rstuf"
)

// splitFilename takes a versioned metadata file's name apart.
func splitFilename(name string) (version int64, role string, ok bool) {
	number, role, found := strings.Cut(strings.TrimSuffix(name, ".json"), ".")
	if !found || !strings.HasSuffix(name, ".json") || role == "" {
		return 0, "", false
	}
	version, err := strconv.ParseInt(number, 10, 64)
	return version, role, err == nil && version > 0 && number[0] != '0'
}

var _ = fmt.Sprint
var _ = rstuf.RoleRoot

func (s *Service) prune(ctx context.Context) error { return nil }
