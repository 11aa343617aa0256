"""Waiting for a task over data: its progress on one line of a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
import time
from typing import Any

from tuitune.data.tasks import Progress, Task
from tuitune.problem import TuituneError
from tuitune.text import clean
from tuitune.units import bytes_text

_POLL_SECONDS = 0.05
_ERASE = "\r\x1b[K"


def result_of(task: Task, name: str) -> dict[str, Any]:
    """What the task came to. TuituneError, with `name` before it, where it failed; an interrupt ends the task."""
    shown = sys.stderr.isatty()
    try:
        while (progress := task.look()).state == "working":
            if shown:
                sys.stderr.write(f"{_ERASE}{clean(name, limit=40)}: {line(progress)}")
                sys.stderr.flush()
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        task.cancel()
        raise
    finally:
        if shown:
            sys.stderr.write(_ERASE)
            sys.stderr.flush()
    if progress.result is None:
        error = progress.error.removeprefix("data.train: ")
        raise TuituneError(error if name in error else f"{name}: {error}")
    return progress.result


def line(progress: Progress) -> str:
    """How far a task is: `reading 1.2 GB of 3.4 GB`, `splitting 12,000 rows`."""
    if not progress.done:
        return clean(progress.text, limit=60)
    amount = bytes_text if progress.unit == "bytes" else lambda count: f"{count:,}"
    known = f" of {amount(progress.total)}" if progress.total else ""
    unit = "" if progress.unit == "bytes" else f" {clean(progress.unit, limit=20)}"
    return f"{clean(progress.text, limit=60)} {amount(progress.done)}{known}{unit}"
