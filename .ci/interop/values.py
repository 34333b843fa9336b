"""Says how python-tuf reads patterns, documents and paths. Standard input is one
job, the same as in values.js: {"patterns": [...], "paths": [to match against each
pattern], "root": file, "documents": {name: file of a targets role}, "dir": the
client's own folder, "metadata": URL, "artifacts": URL, "downloads": [paths]}.
The output is {"matches": [for each pattern, for each path, whether it matches],
"documents": {name: "" or why it was refused}, "downloads": {path: "" or why it
could not be had}}."""
import json
import pathlib
import sys

from tuf.api.metadata import DelegatedRole, Metadata
from tuf.ngclient import Updater, UpdaterConfig


def attempt(function, *args):
    try:
        function(*args)
        return ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200] or "refused"


def verify(root, file):
    document = Metadata.from_bytes(pathlib.Path(file).read_bytes())
    root.verify_delegate("targets", document.signed_bytes, document.signatures)


def download(updater, path, file):
    info = updater.get_targetinfo(path)
    if info is None:
        raise LookupError("not found")
    updater.download_target(info, str(file))
    if file.read_bytes() != path.encode():
        raise ValueError("other content")


def main():
    job = json.load(sys.stdin)
    matches = []
    for pattern in job["patterns"]:
        role = DelegatedRole("x", [], 1, False, paths=[pattern])
        matches.append([role.is_delegated_path(path) for path in job["paths"]])

    root_bytes = pathlib.Path(job["root"]).read_bytes()
    root = Metadata.from_bytes(root_bytes).signed
    documents = {name: attempt(verify, root, file) for name, file in job["documents"].items()}

    folder = pathlib.Path(job["dir"])
    folder.mkdir(parents=True)
    updater = Updater(
        str(folder), job["metadata"], target_base_url=job["artifacts"],
        config=UpdaterConfig(prefix_targets_with_hash=False), bootstrap=root_bytes,
    )
    updater.refresh()
    downloads = {path: attempt(download, updater, path, folder / "download") for path in job["downloads"]}
    json.dump({"matches": matches, "documents": documents, "downloads": downloads}, sys.stdout)


main()
