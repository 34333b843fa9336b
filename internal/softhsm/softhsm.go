// Package softhsm makes tokens of SoftHSM, Debian's package softhsm2, for tests.
package softhsm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// PIN is that of every token.
const PIN = "5678"

// Init makes a token in a folder and gives the PKCS#11 library that opens it, in
// processes whose variable SOFTHSM2_CONF is conf.
func Init(dir, label string) (library, conf string, err error) {
	if library, err = find(); err != nil {
		return "", "", err
	}
	tokens := filepath.Join(dir, "tokens")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		return "", "", err
	}
	conf = filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\n"), 0o600); err != nil {
		return "", "", err
	}
	program := exec.Command("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "1234", "--pin", PIN)
	program.Env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
	if out, err := program.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("softhsm2-util: %w: %s", err, out)
	}
	return library, conf, nil
}

// find finds SoftHSM's library where distributions put it.
func find() (string, error) {
	for _, folder := range []string{
		"/usr/lib/softhsm", "/usr/lib/*/softhsm", "/usr/lib64/softhsm", "/usr/lib64/pkcs11", "/opt/homebrew/lib/softhsm", "/usr/local/lib/softhsm",
	} {
		if found, err := filepath.Glob(folder + "/libsofthsm2.so"); err == nil && len(found) > 0 {
			return found[0], nil
		}
	}
	return "", errors.New("libsofthsm2.so is nowhere to be found: it is in Debian's package softhsm2")
}
