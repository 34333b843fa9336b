// Package metadata holds signed TUF documents byte for byte.
package metadata
