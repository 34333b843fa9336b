"""Health of the worker container, by exit code.

Both halves of the worker must answer through the broker, and the published
timestamp, once there is one, must be in date: if it has expired, the scheduled
renewal does not work, whatever the processes say.
"""

import json
import os
import sys
from datetime import datetime, timezone

from celery import Celery
from kombu.exceptions import OperationalError


def silent_nodes():
    name = os.environ["RSTUF_WORKER_ID"]
    nodes = {f"requests@{name}", f"internal@{name}"}
    app = Celery(broker=os.environ["RSTUF_BROKER_SERVER"])
    app.conf.broker_transport_options = {"socket_connect_timeout": 5, "socket_timeout": 15}
    answers = app.control.inspect(destination=sorted(nodes), timeout=10).ping() or {}
    return sorted(nodes - answers.keys())


def expired_timestamp():
    """The timestamp's expiry if that is past, else None."""
    folder = os.environ["RSTUF_LOCAL_STORAGE_BACKEND_PATH"]
    try:
        with open(os.path.join(folder, "timestamp.json"), encoding="utf-8") as file:
            expires = json.load(file)["signed"]["expires"]
    except FileNotFoundError:  # not bootstrapped yet
        return None
    when = datetime.strptime(expires, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return expires if when <= datetime.now(timezone.utc) else None


def main():
    try:
        nodes = silent_nodes()
    except OperationalError as error:
        sys.exit(f"no broker: {error}")
    if nodes:
        sys.exit(f"no answer from {', '.join(nodes)}")
    if expires := expired_timestamp():
        sys.exit(f"timestamp.json expired at {expires}")


if __name__ == "__main__":
    main()
