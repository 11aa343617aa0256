"""Engines for the price of a fork: a child of `tests.warm.server` carries out each life of a run in a child of its own.

{"do": "start", "run": PATH, "kill_at": n|null, "hold": bool}  {"pid": n}; one that is held waits for SIGCONT
{"do": "wait", "pid": n}                                       {"code": n|null, "signal": n|null, "points": [name…]}
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_FAILED = 1  # what Python exits with after an exception that nobody caught


def _engine(request: dict[str, Any], answer: int) -> None:
    """The child: what the engine's own process does after its imports. Never returns."""
    from tests.faults.tools.crash_points import CrashPoints
    from tuitune.engine.journal import resilient_writer
    from tuitune.engine.worker import carry_out
    from tuitune.runs.store.directory import Run

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resilient_writer.PATIENCE_SECONDS = 0.5
    run = Run(Path(request["run"]))
    log = os.open(run.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    code = _FAILED
    points = CrashPoints(run.path, request.get("kill_at"))
    try:
        if request.get("hold"):
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            points.install(torch=True)
        code = carry_out(run.path)
    except BaseException:
        traceback.print_exc()
    found = json.dumps(points.names).encode()
    with suppress(OSError):  # where every write is made to fail
        while found:
            found = found[os.write(answer, found) :]
    os._exit(code)


def _start(line: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        line.close()
        _engine(request, writing)
    os.close(writing)
    _points[pid] = reading
    return {"pid": pid}


def _wait(pid: int) -> dict[str, Any]:
    with open(_points.pop(pid), "rb") as pipe:
        points = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    ended = {"code": status, "signal": None} if status >= 0 else {"code": None, "signal": -status}
    return {**ended, "points": json.loads(points or b"[]")}


_points: dict[int, int] = {}
"""Where the points of an engine can be read, by its pid."""


def answer(line: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request of who is at the other end of `line`."""
    return _start(line, request) if request["do"] == "start" else _wait(request["pid"])
