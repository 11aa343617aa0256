"""Engines for the price of a fork: this process has imported torch, and carries out each run in a child of its own.

python -P -m tests.faults.tools.engine_server      requests as JSON lines on standard input, answers on standard output

{"do": "prepare", "folder": PATH}                              a tiny model and forty conversations, {"ready": true}
{"do": "start", "run": PATH, "kill_at": n|null, "hold": bool}  {"pid": n}; one that is held waits for SIGCONT
{"do": "wait", "pid": n}                                       {"code": n|null, "signal": n|null, "points": [name…]}
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
import traceback
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
    while found:
        found = found[os.write(answer, found) :]
    os._exit(code)


def _start(request: dict[str, Any], answers: dict[int, int]) -> dict[str, Any]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _engine(request, writing)
    os.close(writing)
    answers[pid] = reading
    return {"pid": pid}


def _wait(pid: int, answers: dict[int, int]) -> dict[str, Any]:
    with open(answers.pop(pid), "rb") as answer:
        points = answer.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    ended = {"code": status, "signal": None} if status >= 0 else {"code": None, "signal": -status}
    return {**ended, "points": json.loads(points or b"[]")}


def _prepare(folder: Path) -> dict[str, Any]:
    """In a child too: what a thread of this process holds at a fork would be held in the child for ever."""
    from tests.engine.support import conversation, save_model, write_rows

    if (pid := os.fork()) == 0:
        save_model(folder / "tiny")
        write_rows(folder / "chats.jsonl", [conversation(number) for number in range(40)])
        os._exit(0)
    os.waitpid(pid, 0)
    threads = len(list(Path("/proc/self/task").iterdir()))
    return {"ready": (folder / "chats.jsonl").exists(), "threads": threads}


def main() -> None:
    import torch

    import tuitune.engine.train  # noqa: F401 - every child has it then

    torch.set_num_threads(1)
    answers: dict[int, int] = {}
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        match request["do"]:
            case "prepare":
                reply = _prepare(Path(request["folder"]))
            case "start":
                reply = _start(request, answers)
            case _:
                reply = _wait(request["pid"], answers)
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
