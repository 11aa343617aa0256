"""Jobs of data and of the engine that are asked for by a process which stands in for them: see `tests.warm.ask`."""

from __future__ import annotations

import ctypes
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from typing import Any

_PR_SET_PDEATHSIG = 1


def carry_out(line: socket.socket, asked: dict[str, Any], descriptors: list[int]) -> int:
    """Fork a job, and end it when who asked for it has ended; its exit code, or minus the signal that it died of."""
    if (job := os.fork()) == 0:
        line.close()
        _work(asked, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    ended = os.pidfd_open(job)
    if ended not in select.select([ended, line], [], [])[0]:
        os.killpg(job, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])


def _work(asked: dict[str, Any], descriptors: list[int]) -> None:
    """Be the job. Never returns."""
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
        runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    os._exit(code)
