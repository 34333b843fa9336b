package main

import (
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"example.org/rstuf/internal/kmstest"
	"example.org/rstuf/internal/softhsm"
	"example.org/rstuf/keys"
	"example.org/rstuf/keys/sigstore"
	"example.org/rstuf/keys/sigstore/sigstoretest"
	"example.org/rstuf/rstuf/internal/scripttest"
)

func TestMain(m *testing.M) { scripttest.Main(m, main) }

// TestScripts runs the scripts of the other build against this one.
func TestScripts(t *testing.T) {
	scripttest.Run(t, "../../internal/cmd/testdata/script", true, nil)
}

// TestOwnScripts runs those of what only this build has.
func TestOwnScripts(t *testing.T) {
	kms := kmstest.StartAWS(t, t.TempDir())
	scripttest.Run(t, "testdata/script", true, map[string]func(*testscript.TestScript, bool, []string){
		"envfile": envFile, "sigstore": startSigstore, "softhsm": startSoftHSM,
		// kms sets KMS to the URI of a key in AWS KMS.
		"kms": func(ts *testscript.TestScript, _ bool, _ []string) {
			ts.Setenv("KMS", kms.URI)
			for name, value := range kms.Env {
				ts.Setenv(name, value)
			}
		},
		"kmsrefuses": func(*testscript.TestScript, bool, []string) { kms.Refused.Store(true) },
		"kmsallows":  func(*testscript.TestScript, bool, []string) { kms.Refused.Store(false) },
	})
}

// softhsm LABEL makes a token of SoftHSM and sets PKCS11 to the
// signer program for it, and SOFTHSM to its library.
func startSoftHSM(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: softhsm LABEL")
	}
	library, conf, err := softhsm.Init(ts.MkAbs("."), args[0])
	ts.Check(err)
	program := ts.MkAbs("pkcs11")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = "../../../signers/pkcs11"
	if out, err := build.CombinedOutput(); err != nil {
		ts.Fatalf("go build signers/pkcs11: %v: %s", err, out)
	}
	ts.Setenv("SOFTHSM2_CONF", conf)
	ts.Setenv("SOFTHSM", library)
	ts.Setenv("PKCS11", program)
}

// trusts is what the services of scripts trust, which are in this process.
var trusts atomic.Pointer[sigstore.Verifier]

// register is called by the test's own process alone: this program is the command too.
var register = sync.OnceFunc(func() {
	keys.RegisterSigstore(func(identity, issuer string, message, bundle []byte) error {
		return trusts.Load().Verify(identity, issuer, message, bundle)
	})
})

// sigstore EMAIL ISSUER starts a Sigstore, in which the runner is the one who is
// named, writes its trusted root to trusted_root.json and sets FULCIO, TIMESTAMP
// and the variables of a runner.
func startSigstore(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sigstore EMAIL ISSUER")
	}
	instance := sigstoretest.New()
	ts.Defer(instance.Close)
	verifier, err := sigstore.NewVerifier(instance.TrustedRoot)
	ts.Check(err)
	trusts.Store(verifier)
	register()
	instance.Runner(sigstoretest.Claims{Issuer: args[1], Subject: "1", Email: args[0]})
	ts.Check(os.WriteFile(ts.MkAbs("trusted_root.json"), instance.TrustedRoot, 0o600))
	ts.Setenv("FULCIO", instance.URL)
	ts.Setenv("TIMESTAMP", instance.TimestampURL)
	ts.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", instance.TokenURL)
	ts.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", sigstoretest.RunnerSecret)
	token := instance.Token(sigstoretest.Claims{Issuer: args[1], Subject: "2", Email: "other-" + args[0]})
	ts.Check(os.WriteFile(ts.MkAbs("other-token"), []byte(token), 0o600))
}

// envfile FILE... puts the script's variables into files.
func envFile(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}
