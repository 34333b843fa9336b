#!/usr/bin/env python3
"""Records docs/session.cast (asciinema's format) and docs/session.txt: a ceremony at a terminal, and what
follows; and draws the screens of the ceremony, docs/ceremony-*.svg. Run it from the module's folder:

    go build -o bin/ ./rstuf && docs/session.py bin/rstuf

With --check it plays the session, writes nothing, and fails if what is there is out of date. Linux, Python's
standard library only.
"""

import difflib
import fcntl
import html
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile
import termios
import time

WIDTH, HEIGHT = 80, 30

# The screens of the ceremony: the first line of each, and what the last one begins with.
SCREENS = [
    ("This ceremony makes the first root", "Delegations [1]: "),
    ("Number of hash bins", "1 more needed for threshold 2."),
    ("The online key signs", "Where workers find it: "),
    ("root version 1, expires", "Is it right: "),
    ("Sign with: bob", "bootstrap finished"),
]

# What is typed at each prompt of the ceremony, by the end of the prompt.
CEREMONY = [
    ("Days until timestamp expires [1]: ", ""),
    ("Days until snapshot expires [1]: ", ""),
    ("Days until targets expires [365]: ", ""),
    ("Delegations [1]: ", "1"),
    ("Number of hash bins [256]: ", "16"),
    ("Days until bins expires [1]: ", ""),
    ("Days until root expires [365]: ", ""),
    ("Root threshold (how many root keys must sign): ", "2"),
    ("Kind of key [1]: ", ""),
    ("Public key file: ", "alice.pub"),
    ("Name of the key [alice]: ", ""),
    ("What next: ", "2"),
    ("Kind of key [1]: ", ""),
    ("Public key file: ", "bob.pub"),
    ("Name of the key [bob]: ", ""),
    ("What next: ", "1"),
    ("Public key file of the online key: ", "repo/keys/online.pub"),
    ("Name of the online key [online]: ", ""),
    ("Where workers find it: ", ""),
    ("Is it right: ", "yes"),
    ("Sign with: ", "alice"),
    (re.compile(r"Private key file of alice \([0-9a-f]+\): "), "alice"),
    ("Password of alice: ", "correct horse"),
    ("Sign with: ", "bob"),
    (re.compile(r"Private key file of bob \([0-9a-f]+\): "), "bob"),
    ("Password of bob: ", "battery staple"),
]

# The recording has these ports; a check takes free ones.
PORTS = [18080, 18081, 18082]


def free_ports():
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def steps(ports):
    """The commands, each with the prompts that it shows and what is typed there."""
    api, metadata, files = (f"127.0.0.1:{port}" for port in ports)
    download = f"rstuf artifact download hello.txt -r root.json -m http://{metadata} -a http://{files}"
    return [
        ("# Two people make their keys. Each has a password of its own.", []),
        ("rstuf key generate --type ed25519 --file alice",
         [("Password for alice: ", "correct horse"), ("Password for alice, again: ", "correct horse")]),
        ("rstuf key generate --type ed25519 --file bob",
         [("Password for bob: ", "battery staple"), ("Password for bob, again: ", "battery staple")]),
        ("# The online key lies in the service's key folder, not encrypted.", []),
        ("mkdir -p repo/keys repo/artifacts && rstuf key generate --type ed25519 --file repo/keys/online --plain", []),
        ("# A whole RSTUF on this machine.", []),
        (f"rstuf serve --dir repo --artifacts repo/artifacts --listen {api} --metadata-listen {metadata} "
         f"--artifacts-listen {files} 2>serve.log &", []),
        ("# The ceremony: questions, a review before each signature, then the bootstrap.", []),
        (f"rstuf admin --api-server http://{api} ceremony --out", CEREMONY),
        ("# Publish a file, and download it trusting nothing but the ceremony's root.", []),
        ("echo 'Hello, world' > repo/artifacts/hello.txt", []),
        (f"rstuf artifact --api-server http://{api} add repo/artifacts/hello.txt", []),
        ("cp repo/metadata/1.root.json root.json", []),
        (download, []),
        ("# Somebody changes the file on the server.", []),
        ("echo 'Hello, w0rld' > repo/artifacts/hello.txt", []),
        (download + " -P again", []),
        ("# How is the repository?", []),
        (f"rstuf doctor http://{metadata} -r root.json --skip-delegated", []),
    ]


class Recorder:
    """A shell in a terminal, and what its screen showed when."""

    def __init__(self, folder, binary):
        self.start, self.events, self.seen = time.monotonic(), [], ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            env = {"PATH": os.path.dirname(binary) + ":/usr/bin:/bin", "HOME": folder, "TERM": "xterm-256color",
                   "LANG": "C.UTF-8", "PS1": "$ "}
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting"], env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))

    def expect(self, wanted, timeout=30):
        """Waits until the screen shows the text (or pattern) after what was waited for last."""
        pattern = wanted if hasattr(wanted, "search") else re.compile(re.escape(wanted))
        end = time.monotonic() + timeout
        while not (found := pattern.search(self.seen)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                sys.exit(f"waited in vain for {wanted!r}; the screen shows:\n{self.seen}")
            text = os.read(self.fd, 65536).decode(errors="replace")
            self.events.append([round(time.monotonic() - self.start, 3), "o", text])
            self.seen += text
        self.seen = self.seen[found.end():]

    def type(self, text):
        for char in text:
            os.write(self.fd, char.encode())
            time.sleep(0.01)
        time.sleep(0.2)
        os.write(self.fd, b"\n")


def play(binary, ports):
    folder = tempfile.mkdtemp()
    recorder = Recorder(folder, binary)
    prompt = re.compile(r"(^|\n)\$ $")
    try:
        recorder.expect(prompt)
        for command, answers in steps(ports):
            recorder.type(command)
            for question, answer in answers:
                recorder.expect(question)
                recorder.type(answer)
            if command.endswith("&"):
                recorder.expect(f"artifacts: http://127.0.0.1:{ports[2]}")
                recorder.type("")
            recorder.expect(prompt)
        recorder.type("kill %1; wait")
        recorder.expect(prompt)
    finally:
        os.kill(recorder.pid, signal.SIGHUP)
        os.waitpid(recorder.pid, 0)
        shutil.rmtree(folder)
    return recorder.events


def same(text):
    """The lines of a session without what differs from one to the next."""
    for pattern, name in (
        (r"\b[0-9a-f]{64}\b|\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b", "ID"),
        (r"(\b[0-9a-f]{4}\b ?){8}", "FINGERPRINT"),
        (r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\dZ?)?", "DATE"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
        (r"\[1\] \d+", "[1] PROCESS"),
        (r"\d+\.\d s\b", "TIME"),
        (r"\d+ (hours?|minutes?|seconds?)\b", "LEFT"),
        (r"(?m)^bootstrap ID: STARTED\n", ""),
        (r"(?m)^(\$ )+", ""),  # a program in the background can write before the prompt or after it
    ):
        text = re.sub(pattern, name, text)
    return [line for line in text.splitlines() if line.strip()]


def screens(text):
    """The screens of the ceremony as SVG, by file name."""
    lines, at, drawn = text.splitlines(), 0, {}
    for number, (first, last) in enumerate(SCREENS, 1):
        at = next(i for i in range(at, len(lines)) if lines[i].startswith(first))
        end = next(i for i in range(at, len(lines)) if lines[i].startswith(last)) + 1
        drawn[f"ceremony-{number}.svg"] = draw(lines[at:end])
        at = end
    return drawn


def draw(lines):
    wide, high, margin = 8.4, 19, 14
    width, height = round(WIDTH * wide) + 2 * margin, len(lines) * high + 2 * margin
    rows = "".join(
        f'<text x="{margin + (len(line) - len(line.lstrip())) * wide:.1f}" y="{margin + (i + 0.75) * high:.0f}" '
        f'textLength="{len(line.strip()) * wide:.1f}">{html.escape(line.strip(), quote=False)}</text>\n'
        for i, line in enumerate(lines) if line.strip())
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
            f'<rect width="{width}" height="{height}" rx="6" fill="#1c2128"/>\n'
            f'<g font-family="monospace" font-size="14" fill="#d7dde4">\n{rows}</g>\n</svg>\n')


def out_of_date(docs, text):
    """What of the recording is not what the text would make of it."""
    with open(os.path.join(docs, "session.txt")) as plain:
        recorded = plain.read()
    yield from difflib.unified_diff(same(recorded), same(text), "session.txt", "now", lineterm="", n=1)
    for name, svg in screens(recorded).items():
        with open(os.path.join(docs, name)) as drawn:
            if drawn.read() != svg:
                yield f"{name} does not show session.txt"


def main():
    check = "--check" in sys.argv
    arguments = [arg for arg in sys.argv[1:] if arg != "--check"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    events = play(os.path.abspath(arguments[0]), free_ports() if check else PORTS)
    text = "".join(event[2] for event in events).replace("\r\n", "\n")
    text = re.sub(r"[^\n]*\r\x1b\[K", "", text)  # progress, which the next line takes away
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)
    for wanted in ("ready for artifacts", "hello.txt: 13 bytes, verified", "does not match its metadata", "nothing is wrong"):
        if wanted not in text:
            sys.exit(f"the session does not show {wanted!r}:\n{text}")
    docs = os.path.dirname(os.path.abspath(__file__))
    if check:
        if found := list(out_of_date(docs, text)):
            sys.exit("\n".join(found + ["out of date: run docs/session.py without --check"]))
        return
    with open(os.path.join(docs, "session.cast"), "w") as cast:
        print(json.dumps({"version": 2, "width": WIDTH, "height": HEIGHT, "title": "rstuf: a ceremony"}), file=cast)
        for event in events:
            print(json.dumps(event, ensure_ascii=False), file=cast)
    with open(os.path.join(docs, "session.txt"), "w") as plain:
        plain.write(text)
    for name, svg in screens(text).items():
        with open(os.path.join(docs, name), "w") as drawn:
            drawn.write(svg)


if __name__ == "__main__":
    main()
