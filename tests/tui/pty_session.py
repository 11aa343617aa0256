"""A program in a pseudo-terminal of its own: what it writes, when, and how it ends."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

SCREEN = (sys.executable, "-P", "-m", "tuitune")


@dataclass
class Session:
    """A running program; `output` is everything that it wrote to its terminal so far."""

    pid: int
    master: int
    started: float
    output: bytes = b""
    status: int | None = None
    arrivals: list[tuple[float, int]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.output.decode("utf-8", "replace")

    def wait_for(self, wanted: bytes, seconds: float = 15.0) -> float:
        """Read until `wanted` was written; seconds since the start of the program."""
        deadline = time.monotonic() + seconds
        while wanted not in self.output:
            assert time.monotonic() < deadline, f"{wanted!r} never came; the end was {self.output[-600:]!r}"
            assert self.read(0.05) or not self.ended(), f"ended without {wanted!r}: {self.output[-2000:]!r}"
        return time.monotonic() - self.started

    def read(self, seconds: float) -> bool:
        """Take what comes within `seconds`; False where nothing did."""
        if self.master < 0 or not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.master, 65_536)
        except OSError:
            return False
        self.output += data
        self.arrivals.append((time.monotonic() - self.started, len(data)))
        return bool(data)

    def send(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def ask(self, keys: bytes, wanted: bytes, seconds: float = 15.0) -> None:
        """Send `keys`, and read until `wanted` was written after them."""
        before, deadline = len(self.output), time.monotonic() + seconds
        self.send(keys)
        while wanted not in self.output[before:]:
            assert time.monotonic() < deadline, f"{wanted!r} never came after {keys!r}: {self.output[-600:]!r}"
            self.read(0.05)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def ended(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        return self.status is not None

    def wait(self, seconds: float) -> int:
        """Wait for the end, reading on; the exit code (negative: killed by that signal)."""
        deadline = time.monotonic() + seconds
        while not self.ended():
            assert time.monotonic() < deadline, f"still running after {seconds} s: {self.output[-600:]!r}"
            self.read(0.02)
        while self.read(0):
            continue
        assert self.status is not None
        return os.waitstatus_to_exitcode(self.status)

    def hang_up(self) -> None:
        """Take the terminal away, as a closed window does."""
        os.close(self.master)
        self.master = -1

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.master >= 0:
            os.close(self.master)


def start(command: Sequence[str] = SCREEN, *, size: tuple[int, int] = (120, 36), **environment: str | None) -> Session:
    """Start `command` in a new terminal; `environment` changes this process's (None removes a variable)."""
    variables = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **environment}
    set_variables = {name: value for name, value in variables.items() if value is not None}
    width, height = size
    started = time.monotonic()
    pid, master = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        os.execvpe(command[0], list(command), set_variables)
    return Session(pid, master, started)
