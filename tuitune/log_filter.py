"""The process between one that prints and its log: `python -P -m tuitune.log_filter <PIPE >>LOG`.

It blanks secrets, whoever printed them: our own lines, a library's message, a traceback. It is a process of its own, so
that an engine whose supervisor is killed still has somebody to print to while it saves, and it lives as long as anybody
can write to its pipe, so that the last words of an engine that is killed are not lost.
"""

from __future__ import annotations

import os
import re
import select
import signal
from collections.abc import Callable
from contextlib import suppress

from tuitune.text import redactor

_BLOCK = 1 << 16
_LONGEST = 1 << 18
_REACH = 1 << 14
"""Bytes at the end of a line without an end that wait for more: a secret may have arrived only in part."""

_KEY_BLOCK = re.compile(rb"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY(?!.*-----END )", re.DOTALL)
"""A private key whose end has not come yet."""

_PATIENCE = 0.5
_LAST_WORDS = re.compile(rb"(?<!\S)(?:\S+[ \t]+){0,3}\S*\Z")


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
