"""Asks python-tuf's updater for an artifact of a repository. Each line of
standard input is a question: {"files": {name: base64}, "root": base64 of the
trusted root, "path": artifact}. Each line of the output is the answer:
{"length": of the artifact} or {"error": why not}."""
import base64
import json
import sys
import tempfile
import urllib.parse

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater


class Memory(FetcherInterface):
    def __init__(self, files):
        self.files = files

    def _fetch(self, url):
        name = urllib.parse.urlparse(url).path.rpartition("/")[2]
        if name not in self.files:
            raise DownloadHTTPError("not found", 404)
        yield base64.b64decode(self.files[name])


def ask(question):
    with tempfile.TemporaryDirectory() as folder:
        try:
            updater = Updater(
                folder, "http://peer/", fetcher=Memory(question["files"]),
                bootstrap=base64.b64decode(question["root"]),
            )
            updater.refresh()
            info = updater.get_targetinfo(question["path"])
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
    return {"error": "not found"} if info is None else {"length": str(info.length)}


for line in sys.stdin:
    print(json.dumps(ask(json.loads(line))), flush=True)
