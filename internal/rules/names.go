package rules

import (
	"regexp"
	"strings"
)

// Bounds of the number of hash bins, which is a power of two.
const (
	MinHashBins = 2
	MaxHashBins = 16384
)

// MaxExpiration bounds the life of every role, in days: a hundred years.
const MaxExpiration = 36500

// IsTopLevelRole tells whether name is one of TUF's four top-level roles (TUF
// specification, section 2).
func IsTopLevelRole(name string) bool {
	switch name {
	case "root", "targets", "snapshot", "timestamp":
		return true
	}
	return false
}

// DelegatedName is what RSTUF's API takes for the name of a delegated role:
// letters, digits, "-" and "_".
var DelegatedName = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// IsDelegatedRoleName tells whether name may be that of a delegated role: what
// RSTUF's API takes, and neither the name of a top-level role, in whatever case,
// nor of a device: some file systems do not tell "Root" from "root", and can't
// have a file "con.json".
func IsDelegatedRoleName(name string) bool {
	return len(name) <= 128 && DelegatedName.MatchString(name) && !IsTopLevelRole(strings.ToLower(name)) && !deviceName.MatchString(name)
}

// deviceName matches what Windows takes for a device, also with an extension.
var deviceName = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])$`)

var vendorField = regexp.MustCompile(`^x-[^-]+-.+$`)

// IsVendorField tells whether name has the form x-<vendor>-<name>, which RSTUF
// wants of fields that TUF does not know.
func IsVendorField(name string) bool { return vendorField.MatchString(name) }
