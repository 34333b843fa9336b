//go:build unix

package cmd

import (
	"io/fs"
	"os"
	"syscall"
)

// private tells whether a file is kept from others.
func private(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return keptFromOthers(info.Mode().Perm(), ok && stat.Uid == 0 && os.Geteuid() != 0)
}

// keptFromOthers tells whether nobody but its owner may do anything with a file. The
// group may read what root has handed to it, for an owner could not be trusted more:
// so Kubernetes and systemd give secrets to a process that is not root.
func keptFromOthers(mode fs.FileMode, handedByRoot bool) bool {
	if handedByRoot {
		return mode&0o037 == 0
	}
	return mode&0o077 == 0
}
