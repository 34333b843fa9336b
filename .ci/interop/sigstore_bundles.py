"""Has python-tuf, with securesystemslib's Sigstore keys and sigstore-python, verify roots that a Sigstore identity
signed: sigstore_bundles.py FOLDER, which `go test -write FOLDER` in keys/sigstore has filled.

What is replaced: whom it trusts (the test's Sigstore, for the public one); the proof of a log of certificates, of which
the test's has none; and fields that protobuf leaves out where they are zero, as in the first entry of the test's log,
which sigstore-python wants.
"""

import copy
import json
import pathlib
import sys

import sigstore.verify.verifier
from securesystemslib.signer import KEY_FOR_TYPE_AND_SCHEME, SigstoreKey
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Root

KEY_FOR_TYPE_AND_SCHEME[("sigstore-oidc", "Fulcio")] = SigstoreKey
folder = pathlib.Path(sys.argv[1])
pinned = json.loads((folder / "trusted_root.json").read_text())
(folder / "with_ctlogs.json").write_text(json.dumps({"ctlogs": []} | pinned))  # it wants the field
trusted = TrustedRoot.from_file(str(folder / "with_ctlogs.json"))
Verifier.production = classmethod(lambda cls, **_: cls(trusted_root=trusted))
TrustedRoot.ct_keyring = lambda *_: None
sigstore.verify.verifier.verify_sct = lambda *_: None


def counts(root: Metadata[Root]) -> bool:
    try:
        root.verify_delegate("root", root)
    except UnsignedMetadataError:
        return False
    return True


for name in "log", "authority":
    root = Metadata[Root].from_file(str(folder / f"{name}.root.json"))
    bundle = next(iter(root.signatures.values())).unrecognized_fields["bundle"]
    for entry in bundle["verificationMaterial"]["tlogEntries"]:
        entry["inclusionProof"] = {"logIndex": "0", "hashes": []} | entry["inclusionProof"]
    assert counts(root), f"{name}: python-tuf does not count the signature"
    older = copy.deepcopy(root)
    older.signed.version = 2
    assert not counts(older), f"{name}: it counts the signature of another document"
    other = copy.deepcopy(root)
    key = next(k for k in other.signed.keys.values() if k.keytype == "sigstore-oidc")
    key.keyval["identity"] = "mallory@example.com"
    assert not counts(other), f"{name}: it counts the signature of another identity"
    print(f"{name}: python-tuf counts the signature, a bundle of {len(json.dumps(bundle))} bytes")
