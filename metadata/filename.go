package metadata

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
)

// Filename is the name of a role's file: "timestamp.json", else with the
// version in front, "2.root.json" (TUF specification, section 6.2). Characters
// that could leave a folder are percent-encoded, as python-tuf does it.
func Filename(role string, version int64) string {
	name := strings.ReplaceAll(url.QueryEscape(role), "+", "%20") + ".json"
	if role == rstuf.RoleTimestamp {
		return name
	}
	return strconv.FormatInt(version, 10) + "." + name
}

// readRoleName refuses what no other client would take, or a terminal shows as
// something else. All other names are read: [Filename] keeps them in a folder.
func readRoleName(name string) error {
	if name == "" {
		return errors.New("a role's name must not be empty")
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("the role name %q has control characters", quote.Cut(name, maxShown))
	}
	return nil
}

// checkRoleName refuses names, for what is written here, that could be taken for
// a way out of a folder. RSTUF's own rule, [rules.IsDelegatedRoleName], is
// stricter, but deployments have published such names as "a/b".
func checkRoleName(name string) error {
	if err := readRoleName(name); err != nil {
		return err
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("the role name %q is not safe as a file name", quote.Cut(name, maxShown))
		}
	}
	if strings.Contains(name, `\`) {
		return fmt.Errorf("the role name %q is not safe as a file name", quote.Cut(name, maxShown))
	}
	return nil
}
