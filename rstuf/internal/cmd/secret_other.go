//go:build !unix

package cmd

import "io/fs"

// private tells whether a file is kept from others, of which its mode says nothing here.
func private(fs.FileInfo) bool { return true }
