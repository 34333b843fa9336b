package metadata

import (
	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
)

// Covers tells whether a delegated role may speak for a path: by its patterns
// (see [MatchPath]), or by the hex SHA-256 of the path where the role has
// prefixes of that (TUF specification, section 4.5).
func Covers(role rstuf.DelegatedRole, path string) bool {
	return rules.Covers(role.Paths, role.PathHashPrefixes, path)
}

// MatchPath tells whether a path fits a pattern of a delegated role, as a Unix
// shell and python-tuf see it: "*" stands for any characters, "?" for one,
// "[a-z]" for one of these and "[!a-z]" for one of all others, none of them
// for "/". There is no escape character. Upper and lower case differ.
func MatchPath(pattern, path string) bool { return rules.Match(pattern, path) }
