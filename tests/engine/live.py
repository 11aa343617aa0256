"""Engines that are told something while they run, forked from this process, which has imported torch already.

A forked engine can be hit by a signal at an exact place: when it says something in its log, or opens a file.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engine.support import Outcome, wait_for
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import Record

Place = Callable[[str, str], bool]
"""Whether this is it: ("say", a line of the log) or ("open", the path of a file about to be opened)."""

Hit = Callable[[], None]


def says(words: str, after: str = "") -> Place:
    """The place where the engine says `words`, once it has said `after`."""
    return _place("say", words, after)


def opens(name: str, after: str = "") -> Place:
    """The place where the engine opens a file whose path contains `name`, once it has said `after`."""
    return _place("open", name, after)


def _place(kind: str, words: str, after: str) -> Place:
    said, hits = [not after], [0]

    def place(what: str, text: str) -> bool:
        here = said[0] and not hits[0] and what == kind and words in text
        hits[0] += here
        said[0] |= what == "say" and after in text
        return here

    return place


def hit(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@dataclass
class Engine:
    """An engine at work on `run`, and the pipe to its standard input."""

    run: Run
    pid: int
    pipe: int
    asked: list[str] = field(default_factory=list)

    def write(self, content: bytes) -> None:
        os.write(self.pipe, content)

    def ask(self, verb: str, **arguments: Any) -> str:
        """Send a request; its nonce."""
        nonce = f"{verb}-{len(self.asked)}"
        self.asked.append(nonce)
        self.write(json.dumps({"nonce": nonce, "verb": verb, "arguments": arguments}).encode() + b"\n")
        return nonce

    def answer(self, nonce: str) -> Record:
        return wait_for(self.run, lambda record: record["kind"] == "done" and record["nonce"] == nonce)

    def signal(self, number: int = signal.SIGTERM) -> None:
        os.kill(self.pid, number)

    def end(self, seconds: float = 60) -> Outcome:
        """Wait for the engine to end; its exit code is negative for a signal."""
        deadline = time.monotonic() + seconds
        handle = os.pidfd_open(self.pid)
        while not (ended := os.waitid(os.P_PIDFD, handle, os.WEXITED | os.WNOHANG)):
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
                raise AssertionError(f"still running: {self.run.log_file.read_text()[-2000:]}")
            time.sleep(0.01)
        os.close(handle)
        os.close(self.pipe)
        return Outcome(self.run, ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)


def fork(run: Run, *, at: Place | None = None, do: Hit = hit, told: tuple[Any, ...] = ()) -> Engine:
    """An engine forked from this process, which does `do` to itself where `at` says; `told` lies in its pipe."""
    import tuitune.engine.train  # noqa: F401 - imported once, not in every child

    reading, writing = os.pipe()
    engine = Engine(run, 0, writing)
    for verb, arguments in told:
        engine.ask(verb, **arguments)
    engine.pid = os.fork()
    if engine.pid == 0:
        os.close(writing)
        _be_the_engine(run, reading, at, do)
    os.close(reading)
    return engine


def _be_the_engine(run: Run, reading: int, at: Place | None, do: Hit) -> None:
    code = 70
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # this process may have had tokenizers' threads, a fork has none
        os.dup2(reading, 0)
        sys.stdout = sys.stderr = _Log(run.log_file, at, do)
        if at is not None:
            sys.addaudithook(lambda event, given: _look("open", given, at, do) if event == "open" else None)
        from tuitune.engine.worker import carry_out

        code = carry_out(run.path, listen=True)
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def _look(what: str, given: Any, at: Place, do: Hit) -> None:
    if isinstance(given[0], str | Path) and at(what, str(given[0])):
        do()


class _Log(io.TextIOBase):
    """The log of a forked engine."""

    def __init__(self, path: Path, at: Place | None, do: Hit) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._at, self._do = at, do

    def write(self, text: str) -> int:
        os.write(self._fd, text.encode())
        if self._at is not None and self._at("say", text):
            self._do()
        return len(text)
