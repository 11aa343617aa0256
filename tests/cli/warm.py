"""Engines' jobs for the price of a fork: one process, shared by all workers of a test session, has imported what takes
seconds, and a program that stands in for Python has it carry out `-m tuitune.engine tokens …` and `… inspect …`.

python tests/cli/warm.py serve DOOR PID           listen at the socket DOOR for as long as process PID lives
python tests/cli/warm.py ask DOOR PYTHON ARGS…    what `PYTHON ARGS…` does: descriptors, folder, environment, end

The process that asks is the job to everybody outside: its pid, its exit code or signal, and the job dies with it. What
libraries read from the environment when they are imported (HF_HOME) is as it was for the server.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_MOST_BYTES = 1 << 20
ONE_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""Keeps pyarrow from starting a thread: a process that forks should have no other."""


def serve(door: str, pid: int) -> None:
    from tuitune.engine.process.environment import heavy_imports, prepare_environment

    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", **ONE_THREAD}
    prepare_environment()
    with heavy_imports():
        import tuitune.engine.jobs.inspector
        import tuitune.engine.jobs.token_report  # noqa: F401 - every job has it then
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that keep a job
    watched = os.pidfd_open(pid)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as doors:
        doors.bind(door)
        doors.listen(64)
        print("listening", len(list(Path("/proc/self/task").iterdir())), "thread", flush=True)
        while watched not in select.select([doors, watched], [], [])[0]:
            line = doors.accept()[0]
            if os.fork() == 0:
                doors.close()
                _keep(line)
            line.close()


def _keep(line: socket.socket) -> None:
    """Fork a job, end it when who asked for it has ended, and tell its end. Never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    content, descriptors, _, _ = socket.recv_fds(line, _MOST_BYTES, 3)
    if (job := os.fork()) == 0:
        line.close()
        _work(json.loads(content), descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    ended = os.pidfd_open(job)
    if ended not in select.select([ended, line], [], [])[0]:
        os.kill(job, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
    try:
        line.send(str(code).encode())
    finally:
        os._exit(0)


def _work(asked: dict[str, Any], descriptors: list[int]) -> None:
    """Be the job. Never returns."""
    import runpy
    import traceback

    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(asked["folder"])
        os.umask(asked["umask"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.executable, sys.argv = asked["executable"], asked["arguments"]
        runpy.run_module("tuitune.engine", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def ask(door: str, python: str, arguments: list[str]) -> None:
    """Have the server carry out the job, or Python where there is no server any more. Never returns."""
    umask = os.umask(0)
    os.umask(umask)
    asked = {"folder": str(Path.cwd()), "umask": umask, "environment": dict(os.environ), "arguments": arguments[2:]}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        try:
            line.connect(door)
        except OSError:
            os.execv(python, [python, *arguments])
        asked["executable"] = str(Path(door).with_name("python"))
        socket.send_fds(line, [json.dumps(asked).encode()], [0, 1, 2])
        code = int(line.recv(64) or 70)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        ask(sys.argv[2], sys.argv[3], sys.argv[4:])
