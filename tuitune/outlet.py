"""What our processes print: through a filter into a log, and into nothing where nobody reads it any more."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import Any, TextIO


def start_filter(source: int, log: int) -> subprocess.Popen[bytes]:
    """Have what is printed into the pipe `source` written to `log` without secrets, by a process of its own.

    It ends once nobody can write to the pipe and all that came is in the log. OSError or SubprocessError where it
    cannot be started.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "tuitune.log_filter"],
        stdin=source,
        stdout=log,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def outlive_readers() -> None:
    """Let standard output and error lead to nothing from when nobody can read them any more, instead of raising.

    A library's print in the middle of a save would fail a run otherwise, where its supervisor and the log's filter were
    killed.
    """
    sys.stdout, sys.stderr = _outliving(sys.stdout), _outliving(sys.stderr)


def _outliving(stream: TextIO) -> TextIO:
    stream.flush()
    buffer = io.BufferedWriter(_Outliving(stream.fileno(), "w", closefd=False))
    return io.TextIOWrapper(buffer, encoding=stream.encoding, errors=stream.errors, line_buffering=True)


class _Outliving(io.FileIO):
    """A descriptor that leads to /dev/null, for native code too, once its pipe has no reader."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(content)
