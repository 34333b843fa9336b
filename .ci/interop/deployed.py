"""Reads what `rstuf export` wrote as RSTUF's worker reads it, from Redis and from the rows of PostgreSQL, and
publishes as the worker does: every role that the online key signs gets a next version with the artifacts of its
rows, then snapshot, then timestamp. Needs dynaconf and tuf of the worker's own versions.

usage: deployed.py METADATA REDIS_PORT CONFIG ROWS KEY_DIR

CONFIG is what the embedded service answered to GET /config/; ROWS has a line of JSON for each active role, with its
name, version and files.
"""

import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from dynaconf import Dynaconf
from dynaconf.loaders import redis_loader
from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import Metadata, MetaFile, TargetFile
from tuf.api.serialization.json import JSONSerializer

metadata, port, config, rows, key_dir = sys.argv[1:]
metadata = Path(metadata)


def stored():
    return Dynaconf(redis_enabled=True, redis={"host": "127.0.0.1", "port": int(port), "db": 1, "decode_responses": True})


def check(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got!r}, want {want!r}")


def check_settings(want):
    settings = stored()
    for name, value in want.items():
        got = settings.get_fresh(name.upper())
        check(name, got.to_dict() if hasattr(got, "to_dict") else got, value)
        check(f"type of {name}", isinstance(got, bool), isinstance(value, bool))
    known = {name.lower() for name in settings.as_dict(env=settings.current_env)}
    check("settings", known, set(want))


def write(name, value):
    settings = stored()
    redis_loader.write(settings, {**settings.as_dict(env=settings.current_env), name: value})


want = json.loads(Path(config).read_text())["data"]
check_settings(want)
# The worker writes all of them whenever it changes one.
write("TIMESTAMP_EXPIRATION", 9)
check_settings({**want, "timestamp_expiration": 9})

online = stored().get_fresh("ONLINE_KEY").to_dict()
online = Key.from_dict(online.pop("keyid"), online)
name = online.unrecognized_fields["x-rstuf-online-key-uri"].removeprefix("fn:")
signer = CryptoSigner(load_pem_private_key(Path(key_dir, name).read_bytes(), None), online)


def newest(role):
    if role == "timestamp":
        return Metadata.from_file(str(metadata / "timestamp.json"))
    versions = [int(path.name.split(".", 1)[0]) for path in metadata.glob(f"*.{role}.json")]
    return Metadata.from_file(str(metadata / f"{max(versions)}.{role}.json"))


def publish(role, doc, life):
    doc.signed.version += 1
    doc.signed.expires = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=life)
    doc.sign(signer)
    file = "timestamp.json" if role == "timestamp" else f"{doc.signed.version}.{role}.json"
    Path(metadata, file).write_bytes(doc.to_bytes(JSONSerializer()))


root, targets, snapshot, timestamp = newest("root"), newest("targets"), newest("snapshot"), newest("timestamp")
for role, doc in ("targets", targets), ("snapshot", snapshot), ("timestamp", timestamp):
    root.signed.verify_delegate(role, doc.signed_bytes, doc.signatures)
check("trusted root", root.to_dict(), want["trusted_root"])
check("trusted targets", targets.to_dict(), want["trusted_targets"])
bins = targets.signed.delegations.succinct_roles
new = 0
for line in Path(rows).read_text().splitlines():
    row = json.loads(line)
    role = row["role"]
    waits = want.get(f"{role}_signing")
    waiting = waits and Metadata.from_dict(json.loads(json.dumps(waits)))  # which it takes apart
    files = {f["path"]: TargetFile.from_dict(f["info"], f["path"]) for f in row["files"] if f["action"] == "ADD"}
    published = {f["path"] for f in row["files"] if f["published"]}
    if waiting is None:
        doc = newest(role)
        check(f"version of {role}", doc.signed.version, row["version"])
        kept = {p: f for p, f in doc.signed.targets.items() if p in published}
        check(f"artifacts of {role}", {p: f for p, f in files.items() if p in published}, kept)
        gone = set(doc.signed.targets) - published
        check(f"unpublished of {role}", gone - {f["path"] for f in row["files"]}, set())
    else:  # the rows are those of the document that waits
        check(f"artifacts of {role}", files, waiting.signed.targets)
    keyids = bins.keyids if bins else targets.signed.delegations.roles[role].keyids
    if keyids != [online.keyid]:
        continue
    targets.signed.verify_delegate(role, doc.signed_bytes, doc.signatures)
    doc.signed.targets = files
    new += len(files) - len(published)
    publish(role, doc, want["bins_expiration" if bins else f"{role.lower()}_expiration"])
    snapshot.signed.meta[f"{role}.json"] = MetaFile(doc.signed.version)
publish("snapshot", snapshot, want["snapshot_expiration"])
timestamp.signed.snapshot_meta = MetaFile(snapshot.signed.version)
publish("timestamp", timestamp, want["timestamp_expiration"])
print(f"{len(want)} settings; {new} new artifacts published")
