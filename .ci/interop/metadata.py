"""Reads every document below DIR/ours with python-tuf, compares the bytes that
signatures cover, resolves the repositories of our own with its updater, and
writes everything again to DIR/python-tuf. Then makes a repository of its own in
DIR/python-made."""
import datetime
import hashlib
import pathlib
import sys
import tempfile
from urllib.parse import unquote, urlparse

from securesystemslib.signer import KEY_FOR_TYPE_AND_SCHEME, CryptoSigner, SigstoreKey
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import (
    DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, SuccinctRoles, TargetFile, Targets, Timestamp,
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

    def write(name, signed, *signers):
        document = Metadata(signed)
        for signer in signers:
            document.sign(signer, append=True)
        data = document.to_bytes()
        (out / name).write_bytes(data)
        return MetaFile.from_data(signed.version, data, ["sha256", "sha512"])

    # "dev" by hash prefixes delegates to "deep" by paths, with another key.
    dev, deep = signers[0], signers[1]
    targets = Targets(version=1, expires=expires)
    targets.targets["\u00fc/1"] = TargetFile.from_data("\u00fc/1", b"data", ["sha256", "blake2b-256"])
    targets.delegations = Delegations(
        {dev.public_key.keyid: dev.public_key},
        roles={"dev": DelegatedRole("dev", [dev.public_key.keyid], 1, True, path_hash_prefixes=["0", "1", "a"])},
    )
    ours = [path for path in (f"d/{i}" for i in range(64)) if hashlib.sha256(path.encode()).hexdigest()[0] in "01a"]
    developed = Targets(version=3, expires=expires)
    developed.targets[ours[0]] = TargetFile.from_data(ours[0], b"data", ["sha256"])
    developed.delegations = Delegations(
        {deep.public_key.keyid: deep.public_key},
        roles={"deep": DelegatedRole("deep", [deep.public_key.keyid], 1, False, paths=["d/*"])},
    )
    below = Targets(version=1, expires=expires)
    for path in ours[1:]:
        below.targets[path] = TargetFile.from_data(path, b"data", ["sha512"])
    meta = {
        "targets.json": write("1.targets.json", targets, online),
        "dev.json": write("3.dev.json", developed, dev),
        "deep.json": write("1.deep.json", below, deep),
    }
    snapshot = write("7.snapshot.json", Snapshot(version=7, expires=expires, meta=meta), online)
    write("timestamp.json", Timestamp(version=9, expires=expires, snapshot_meta=snapshot), online)
    (out / "artifacts.txt").write_text("\n".join(["\u00fc/1", *ours]))

    # A second one: hash bins, plain names, metadata without lengths and hashes.
    out = out.with_name("python-made-bins")
    out.mkdir()
    root = Root(version=1, expires=expires, consistent_snapshot=False)
    for role in ("root", "timestamp", "snapshot", "targets"):
        root.add_key(online.public_key, role)
    write("1.root.json", root, online)
    keyid = online.public_key.keyid
    bins = SuccinctRoles([keyid], 1, 4, "bin")
    targets = Targets(version=1, expires=expires)
    targets.delegations = Delegations({keyid: online.public_key}, succinct_roles=bins)
    write("targets.json", targets, online)
    made = {name: Targets(version=1, expires=expires) for name in bins.get_roles()}
    paths = [f"pkg/{i}.tar.gz" for i in range(100)]
    for path in paths:
        made[bins.get_role_for_target(path)].targets[path] = TargetFile.from_data(path, path.encode(), ["sha256"])
    for name, content in made.items():
        write(f"{name}.json", content, online)
    meta = {f"{name}.json": MetaFile(1) for name in ("targets", *made)}
    write("snapshot.json", Snapshot(version=1, expires=expires, meta=meta), online)
    write("timestamp.json", Timestamp(version=1, expires=expires, snapshot_meta=MetaFile(1)), online)
    (out / "artifacts.txt").write_text("\n".join(paths))


def main():
    base = pathlib.Path(sys.argv[1])
    round_trips(base / "ours", base / "python-tuf")
    for name in ("paths", "bins"):
        updates(base / "ours" / name)
    make(base / "python-made")


main()
