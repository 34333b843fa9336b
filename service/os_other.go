//go:build !unix

package service

// isLocked leaves the answer to the database, which locks its file.
func isLocked(string) bool { return false }

// syncFolder leaves the names of files to the file system: folders cannot be
// synced here.
func syncFolder(string) error { return nil }
