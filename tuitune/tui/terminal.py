"""The terminal this process has: whether it can carry the screen, and leaving when it is gone or we are told to."""

from __future__ import annotations

import os
import signal
import sys
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_HEADLESS = "`tuitune demo`, `tuitune train RECIPE` and `tuitune runs` work without one (see `tuitune --help`)"
_LOOK_SECONDS = 5.0
_GRACE_SECONDS = 1.5
_RESTORE = b"\x1b[?2004l\x1b[?7h\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[0m"
"""Paste, mouse, focus reports and keyboard as usual, line wrap, the normal screen, the cursor, no colour."""


def unfit() -> str | None:
    """Why the screen cannot be shown here, naming the commands that work, or None where it can."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return f"the screen needs a terminal; {_HEADLESS}"
    kind = os.environ.get("TERM", "")
    if kind in ("dumb", "unknown", ""):
        return f"the screen needs a terminal that can move its cursor, and TERM is {kind!r}; {_HEADLESS}"
    return None


def speaks_utf8() -> bool:
    """Whether what is written to the terminal is encoded as UTF-8."""
    return "utf" in (getattr(sys.__stderr__, "encoding", None) or "").lower()


def present() -> bool:
    """Whether the terminal is still there: after a hang-up every call on it fails."""
    try:
        return sys.__stdin__ is not None and os.isatty(sys.__stdin__.fileno())
    except (OSError, ValueError):
        return False


class Guard:
    """Has the app leave on SIGTERM, on SIGHUP and when its terminal vanishes without a signal.

    Works from a thread and from the signal handlers themselves, because an event loop that writes to a terminal which
    no longer reads is stuck for good. An app that has not left 1.5 s after it was told to is ended, its terminal
    restored as far as that goes without waiting.
    """

    def __init__(self) -> None:
        """Made before the app changes the terminal's settings, which it keeps."""
        self._told = threading.Event()
        self._code = 0
        self._attributes: list[Any] | None = None
        with suppress(termios.error, OSError, ValueError, AttributeError):
            self._attributes = termios.tcgetattr(sys.__stdin__.fileno())  # type: ignore[union-attr]

    def start(self, leave: Callable[[int], object]) -> None:
        """Take over the signals (from the main thread) and begin to watch.

        `leave` is called once, from any thread or a signal handler, with the exit code: 128 + the signal's number.
        """
        self._leave = leave
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda caught, _frame: self._tell(128 + caught))
        threading.Thread(target=self._watch, name="tuitune-guard", daemon=True).start()

    def _tell(self, code: int) -> None:
        if not self._told.is_set():
            self._code = code
            self._told.set()
            with suppress(RuntimeError):  # the event loop has ended already
                self._leave(code)

    def _watch(self) -> None:
        while not self._told.wait(_LOOK_SECONDS):
            if not present():
                self._tell(128 + signal.SIGHUP)
        threading.Event().wait(_GRACE_SECONDS)
        self._restore()
        os._exit(self._code)

    def _restore(self) -> None:
        with suppress(termios.error, OSError, ValueError, AttributeError):
            fd = sys.__stdin__.fileno()  # type: ignore[union-attr]
            termios.tcflush(fd, termios.TCOFLUSH)
            if self._attributes is not None:
                termios.tcsetattr(fd, termios.TCSANOW, self._attributes)
            os.set_blocking(fd, False)
            os.write(fd, _RESTORE)
