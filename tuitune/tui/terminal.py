"""The terminal this process has: whether it can carry the screen, and whether it is still there."""

from __future__ import annotations

import os
import sys

_HEADLESS = "`tuitune demo`, `tuitune train RECIPE` and `tuitune runs` work without one (see `tuitune --help`)"


def unfit() -> str | None:
    """Why the screen cannot be shown here, naming the commands that work, or None where it can."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return f"the screen needs a terminal; {_HEADLESS}"
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return f"the screen needs a terminal that can move its cursor, and TERM is {os.environ.get('TERM', 'unset')!r}; {_HEADLESS}"
    return None


def speaks_utf8() -> bool:
    """Whether what is written to the terminal is encoded as UTF-8."""
    return "utf" in (getattr(sys.__stderr__, "encoding", None) or "").lower().replace("-", "")


def present() -> bool:
    """Whether the terminal is still there: a closed window or a dropped connection makes every call on it fail."""
    try:
        os.tcgetpgrp(sys.__stdin__.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return True
