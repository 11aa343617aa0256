"""`python -m MODULE …` for the price of a fork: carried out by a child of `tests.warm.server`.

python -IS tests/warm/ask.py DOOR STAND_IN PYTHON -P -m MODULE ARGS…

To everybody outside this process is the job: its pid, its exit code or signal, and the job dies with it. The job gets
its descriptors, folder, environment and umask, and STAND_IN for Python, so that what it starts is as quick.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path

_NOBODY_ANSWERED = 70


def main(door: str, stand_in: str, python: str, *arguments: str) -> None:
    os.umask(umask := os.umask(0))
    asked = {
        "do": "job", "folder": str(Path.cwd()), "umask": umask, "environment": dict(os.environ),
        "module": arguments[2], "arguments": arguments[2:], "executable": stand_in,
    }  # fmt: skip
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        try:
            line.connect(door)
        except OSError:
            os.execv(python, [python, *arguments])
        socket.send_fds(line, [json.dumps(asked).encode()], [0, 1, 2])
        code = int(line.recv(64) or _NOBODY_ANSWERED)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
