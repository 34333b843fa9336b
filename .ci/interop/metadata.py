"""Reads every document below DIR/ours with python-tuf, compares the bytes that
signatures cover, resolves the repositories of our own with its updater, and
writes everything again to DIR/python-tuf. Then makes and signs documents of its
own in DIR/python-made."""
import datetime
import hashlib
import pathlib
import sys
import tempfile
from urllib.parse import unquote, urlparse

from securesystemslib.signer import KEY_FOR_TYPE_AND_SCHEME, CryptoSigner, SigstoreKey
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import (
    DelegatedRole, Delegations, Metadata, Root, TargetFile, Targets,
)
from tuf.api.serialization.json import JSONSerializer
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

# As RSTUF's worker does it.
KEY_FOR_TYPE_AND_SCHEME[("sigstore-oidc", "Fulcio")] = SigstoreKey

ARTIFACTS = ["dev/\u00fc 1.bin", 'dev/a"b\\c', "dev/deep/er", "hash/x", "hash/y"]


class FolderFetcher(FetcherInterface):
    """Serves http://repository/FILE from a folder."""

    def __init__(self, folder):
        self.folder = folder

    def _fetch(self, url):
        name = unquote(urlparse(url).path.rsplit("/", 1)[1])
        try:
            yield (self.folder / name).read_bytes()
        except FileNotFoundError:
            raise DownloadHTTPError(name, 404)


def round_trips(ours, out):
    count = 0
    for path in sorted(ours.glob("*/*.json")):
        document = Metadata.from_bytes(path.read_bytes())
        assert document.signed_bytes == path.with_suffix(".canonical").read_bytes(), path
        copy = out / path.relative_to(ours)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(document.to_bytes(JSONSerializer(compact=count % 2 == 0)))
        count += 1
    assert count > 0, ours
    print(f"python-tuf: {count} documents have the signed bytes that we say")


def updates(folder):
    with tempfile.TemporaryDirectory() as cache:
        updater = Updater(
            cache, "http://repository/", fetcher=FolderFetcher(folder),
            bootstrap=(folder / "1.root.json").read_bytes(),
        )
        updater.refresh()
        for path in ARTIFACTS:
            info = updater.get_targetinfo(path)
            assert info is not None, path
            assert info.hashes["sha256"] == hashlib.sha256(path.encode()).hexdigest()
        assert updater.get_targetinfo("none/such") is None
    print(f"python-tuf: the updater resolves all artifacts of {folder.name}")


def make(out):
    out.mkdir(parents=True)
    signers = [CryptoSigner.generate_ed25519(), CryptoSigner.generate_ecdsa(), CryptoSigner.generate_rsa()]
    online = CryptoSigner.generate_ed25519()
    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=365)
    root = Root(version=1, expires=expires, consistent_snapshot=True)
    for signer in signers:
        root.add_key(signer.public_key, "root")
    root.roles["root"].threshold = 3
    for role in ("timestamp", "snapshot", "targets"):
        root.add_key(online.public_key, role)
    root.unrecognized_fields["x-acme-note"] = {"\u00fc": [1, None, 2**70]}
    for version in (1, 2):
        root.version = version
        if version == 2:
            root.revoke_key(signers[0].public_key.keyid, "root")
            root.roles["root"].threshold = 2
        document = Metadata(root)
        for signer in signers:
            document.sign(signer, append=True)
        (out / f"{version}.root.json").write_bytes(document.to_bytes(JSONSerializer(compact=version == 1)))

    targets = Targets(version=1, expires=expires)
    targets.targets["\u00fc/1"] = TargetFile.from_data("\u00fc/1", b"data", ["sha256", "blake2b-256"])
    targets.delegations = Delegations(
        {signers[0].public_key.keyid: signers[0].public_key},
        roles={"dev": DelegatedRole("dev", [signers[0].public_key.keyid], 1, True, path_hash_prefixes=["00", "ab"])},
    )
    document = Metadata(targets)
    document.sign(online)
    (out / "1.targets.json").write_bytes(document.to_bytes())


def main():
    base = pathlib.Path(sys.argv[1])
    round_trips(base / "ours", base / "python-tuf")
    for name in ("paths", "bins"):
        updates(base / "ours" / name)
    make(base / "python-made")


main()
