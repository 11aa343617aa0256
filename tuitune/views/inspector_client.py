"""The engine's inspector: a process that turns rows into tokens, asked one thing at a time over JSON lines."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.rows.numbers import dumps
from tuitune.text import redact, strip_ansi
from tuitune.views.inspector_replies import Opening, TokenizedRow, opening, tokenized_row

COMMAND = (sys.executable, "-P", "-m", "tuitune.engine", "inspect")
OPEN_SECONDS = 30.0
ROW_SECONDS = 5.0
LONGEST_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_GRACE_SECONDS = 0.25
_STILL = "working"
"""The phase that only says that the one before goes on."""

_PIECE = 1 << 16
_LONGEST_REPLY = 256 << 20
_LONGEST_COMPLAINT = 4_000

Answer = TypeVar("Answer")


class Inspector:
    """Starts the process when it is first needed, and again after it died or was killed for not answering.

    One asks at a time, within `asked`. Whatever keeps an answer from coming is a TuituneError, at the latest after
    120 s.
    """

    def __init__(
        self, *, command: Sequence[str] = COMMAND, open_seconds: float = OPEN_SECONDS, row_seconds: float = ROW_SECONDS
    ) -> None:
        self._command = command
        self._lock = threading.RLock()
        self._cancelled: Callable[[], bool] = lambda: False
        self._told: Callable[[str], object] = lambda phase: None
        self._open_seconds = open_seconds
        self._row_seconds = row_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._opened: tuple[Recipe, Path] | None = None
        self._opening: Opening | None = None
        self._asked = 0
        self._received = bytearray()
        self._complaint = b""

    def __enter__(self) -> Inspector:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def asked(
        self, *, cancelled: Callable[[], bool] = lambda: False, told: Callable[[str], object] = lambda phase: None
    ) -> Iterator[Inspector]:
        """Ask, once nobody else does. `cancelled` is asked ten times a second while an answer is waited for, and `told`
        hears what goes on meanwhile.
        """
        with self._lock:
            self._cancelled, self._told = cancelled, told
            yield self

    def start(self) -> None:
        """Have the process import its libraries before anything is asked, which takes it seconds."""
        with self._lock, suppress(TuituneError):
            if not self._alive:
                self._start()

    def open(self, recipe: Recipe, base: Path) -> Opening:
        """Have the tokenizer and template of `recipe` ready; at most 30 s from one sign of life to the next."""
        if self._alive and self._opening is not None and self._opened == (recipe, base):
            return self._opening
        self._opening = None
        request = {"op": "open", "recipe": recipe.model_dump(mode="json"), "base": str(base)}
        self._opening = self._ask(request, self._open_seconds, opening)
        self._opened = (recipe, base)
        return self._opening

    def row(self, values: Mapping[str, Any], number: int) -> TokenizedRow:
        """The tokens of a row, after `open`; at most 5 s from one sign of life to the next."""
        return self._ask({"op": "row", "values": values, "number": number}, self._row_seconds, tokenized_row)

    def close(self) -> None:
        """End the process, which has nothing to lose, once nobody asks any more."""
        with self._lock:
            process, self._process = self._process, None
            if process is None:
                return
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()

    @property
    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self) -> None:
        self.close()
        self._received.clear()
        self._complaint = b""
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                self._command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
            )
        except OSError as error:
            raise TuituneError(f"the inspector did not start: {error}") from error
        for each in (self._process.stdin, self._process.stdout, self._process.stderr):
            os.set_blocking(_number(each), False)

    def _ask(self, request: dict[str, Any], seconds: float, read: Callable[[Mapping[str, Any]], Answer]) -> Answer:
        if not self._alive:
            self._start()
        self._asked += 1
        line = dumps({"id": self._asked, **request}) + b"\n"
        try:
            reply = self._converse(memoryview(line), seconds)
        except BaseException:
            self._opening = None
            self.close()
            raise
        if not reply.get("ok"):
            raise TuituneError(str(reply.get("error") or "the inspector gave no reason"))
        try:
            return read(reply)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise TuituneError(f"the inspector's answer cannot be read: {error!r}") from error

    def _converse(self, unsent: memoryview, seconds: float) -> dict[str, Any]:
        """Send a request and wait for its reply; both ways at once, as either pipe may be full."""
        process = self._process
        assert process is not None
        stdin, stdout, stderr = _number(process.stdin), _number(process.stdout), _number(process.stderr)
        began = silent_since = time.monotonic()
        phase = ""
        pipes = select.poll()  # select.select fails on the 1,025th file that a process has open
        for pipe, event in ((stdin, select.POLLOUT), (stdout, select.POLLIN), (stderr, select.POLLIN)):
            pipes.register(pipe, event)
        while True:
            ready = {pipe for pipe, _ in pipes.poll(_LOOK_SECONDS * 1000)}
            if stdin in ready and not (unsent := _send(stdin, unsent)):
                pipes.unregister(stdin)
            if stderr in ready and not self._hear(stderr):
                pipes.unregister(stderr)
            if stdout in ready:
                if not (piece := os.read(stdout, _PIECE)):
                    raise TuituneError(self._end(process, stderr))
                for message in self._messages(piece):
                    silent_since = time.monotonic()
                    if message.get("id") == self._asked:
                        return message
                    if "phase" in message:
                        phase = phase if phase and message["phase"] == _STILL else str(message["phase"])
                        self._told(f"{phase} · {silent_since - began:.0f} s")
            if self._cancelled():
                raise TuituneError("cancelled before the inspector answered")
            now = time.monotonic()
            if now - silent_since > seconds or now - began > LONGEST_SECONDS:
                raise TuituneError(f"the inspector did not answer within {now - began:.1f} s and was stopped")

    def _messages(self, piece: bytes) -> list[dict[str, Any]]:
        """The messages that `piece` completes; whatever else a library prints is passed over."""
        checked = len(self._received)
        self._received += piece
        if len(self._received) > _LONGEST_REPLY:
            raise TuituneError(f"the inspector's answer is longer than {_LONGEST_REPLY >> 20} MiB")
        if self._received.find(b"\n", checked) < 0:
            return []
        *lines, rest = self._received.split(b"\n")
        self._received = bytearray(rest)
        return [message for line in lines if (message := _message(line)) is not None]

    def _hear(self, stderr: int) -> bool:
        """Keep the end of what the process complains of; False where it has closed the pipe."""
        try:
            piece = os.read(stderr, _PIECE)
        except BlockingIOError:
            return True
        self._complaint = (self._complaint + piece)[-_LONGEST_COMPLAINT:]
        return bool(piece)

    def _end(self, process: subprocess.Popen[bytes], stderr: int) -> str:
        """How the process ended, in words."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
        self._hear(stderr)
        lines = strip_ansi(self._complaint.decode("utf-8", "replace")).strip().splitlines()
        code = process.poll()
        if code == -signal.SIGKILL:
            return "the inspector was killed, perhaps out of memory"
        how = f"the inspector ended with code {code}" if code is not None else "the inspector closed its output"
        return f"{how}: {redact(lines[-1])[:500]}" if lines else how


def _send(stdin: int, unsent: memoryview) -> memoryview:
    """What is left to send; nothing where the process reads no more, of which its output tells."""
    try:
        return unsent[os.write(stdin, unsent[:_PIECE]) :]
    except BrokenPipeError:
        return unsent[:0]


def _message(line: bytes | bytearray) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _number(pipe: IO[bytes] | None) -> int:
    assert pipe is not None
    return pipe.fileno()
