"""What our processes print: through a filter into a log, and into nothing where nobody reads it any more.

The filter, `python -P -m tuitune.log_filter <PIPE >>LOG`, blanks secrets, whoever printed them: our own lines, a
library's message, a traceback. It is a process of its own, so that an engine whose supervisor is killed still has
somebody to print to while it saves, and it lives as long as anybody can write to its pipe, so that the last words of an
engine that is killed are not lost.
"""

from __future__ import annotations

import io
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from tuitune.text import redactor

_BLOCK = 1 << 16
_LONGEST = 1 << 18
_REACH = 1 << 14
"""Bytes at the end of a line without an end that wait for more: a secret may have arrived only in part."""

_KEY_BLOCK = re.compile(rb"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY(?!.*-----END )", re.DOTALL)
"""A private key whose end has not come yet."""

_PATIENCE = 0.5
_LAST_WORDS = re.compile(rb"(?<!\S)(?:\S+[ \t]+){0,3}\S*\Z")


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


class LogFilter:
    """Gives out what it has taken, whole lines at a time, without secrets. What is not text passes through as it is."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        self._hide = hide
        self._held = b""

    @property
    def waits(self) -> bool:
        return bool(self._held)

    def take(self, block: bytes) -> bytes:
        self._held += block
        end = max(self._held.rfind(b"\n"), self._held.rfind(b"\r")) + 1
        if opened := _KEY_BLOCK.search(self._held, max(len(self._held) - _REACH, 0)):
            end = min(end, opened.start())
        if not end and len(self._held) > _LONGEST:
            self._held = self._hidden(self._held)
            end = max(len(self._held) - _REACH, 0)
        return self._give(end)

    def pause(self) -> bytes:
        """Nothing has come for a while: all but the last four words, which may be the beginning of a secret."""
        found = _LAST_WORDS.search(self._held, max(len(self._held) - _REACH, 0))
        return self._give(found.start() if found else 0)

    def rest(self) -> bytes:
        return self._give(len(self._held))

    def _give(self, end: int) -> bytes:
        given, self._held = self._held[:end], self._held[end:]
        return self._hidden(given)

    def _hidden(self, content: bytes) -> bytes:
        return self._hide(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def copy(source: int, log: int) -> None:
    """Copy until nobody can write to `source` any more. What the log does not take, on a full disk, is lost."""
    lines = LogFilter(redactor())
    ready = select.poll()
    ready.register(source, select.POLLIN)
    while True:
        if not ready.poll(_PATIENCE * 1000 if lines.waits else None):
            _write(log, lines.pause())
        elif block := os.read(source, _BLOCK):
            _write(log, lines.take(block))
        else:
            return _write(log, lines.rest())


def _write(log: int, content: bytes) -> None:
    with suppress(OSError):
        while content:
            content = content[os.write(log, content) :]


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    copy(0, 1)
    os._exit(0)


if __name__ == "__main__":
    main()
