"""Downloads with python-tuf's updater. Each line of standard input is a job, the
same as in clients.js: {"root": file of the trusted root, "dir": the client's own
folder, "metadata": URL, "artifacts": URL, "paths": [artifacts to download],
"now": the client's time in seconds of Unix, 0 for that of the machine}.
Each line of the output is what came of it: {"refused": why the metadata was, or
null, "files": {path: {"sha256": of what was downloaded} or {"refused": why} or
{} if there is no such artifact}}."""
import datetime
import hashlib
import json
import pathlib
import sys

from tuf.ngclient import Updater, UpdaterConfig


def reason(error):
    return f"{type(error).__name__}: {error}"


def download(updater, path, file):
    try:
        info = updater.get_targetinfo(path)
        if info is None:
            return {}
        updater.download_target(info, str(file))
        return {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    except Exception as error:
        return {"refused": reason(error)}
    finally:
        file.unlink(missing_ok=True)


def run(job):
    folder = pathlib.Path(job["dir"])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        updater = Updater(
            str(folder), job["metadata"], target_base_url=job["artifacts"],
            config=UpdaterConfig(prefix_targets_with_hash=False),
            bootstrap=pathlib.Path(job["root"]).read_bytes(),
        )
        if job["now"]:
            updater._trusted_set.reference_time = datetime.datetime.fromtimestamp(job["now"], datetime.timezone.utc)
        updater.refresh()
    except Exception as error:
        return {"refused": reason(error), "files": {}}
    files = {path: download(updater, path, folder / "download") for path in job["paths"]}
    return {"refused": None, "files": files}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
