"""Waiting for a task over data: its progress on one line of a terminal, a line now and then in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tuitune.cli.follow import LINE_SECONDS
from tuitune.cli.output import note
from tuitune.data.sources.rows import name_of
from tuitune.data.tasks import Progress, Task
from tuitune.problem import TuituneError
from tuitune.text import clean
from tuitune.units import bytes_text

_POLL_SECONDS = 0.05
_ERASE = "\r\x1b[K"


def result_of(task: Task, name: str) -> dict[str, Any]:
    """What the task came to. TuituneError, with `name` before it, where it failed; an interrupt ends the task."""
    name = name_of(name)
    try:
        with telling(name) as tell:
            while (progress := task.look()).state == "working":
                tell(line(progress))
                time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        task.cancel()
        raise
    if progress.result is None:
        error = progress.error.removeprefix("data.train: ")
        raise TuituneError(error if name in error else f"{name}: {error}")
    return progress.result


@contextmanager
def telling(name: str) -> Iterator[Callable[[str], None]]:
    """Takes what is being done to `name`, however often, and shows it on standard error while it is waited for."""
    name = name_of(name)
    if not sys.stderr.isatty():
        yield _Lines(name).tell
        return
    try:
        yield lambda words: _rewrite(f"{clean(name, limit=40)}: {clean(words, limit=80)}")
    finally:
        _rewrite("")


def _rewrite(text: str) -> None:
    sys.stderr.write(f"{_ERASE}{text}")
    sys.stderr.flush()


class _Lines:
    """A line every few seconds, none for what is done before the first is due or has not changed since the last."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told = ""
        self._last = time.monotonic()

    def tell(self, words: str) -> None:
        now = time.monotonic()
        if words != self._told and now - self._last >= LINE_SECONDS:
            self._told, self._last = words, now
            note(clean(f"{self._name}: {words}", limit=400))


def line(progress: Progress) -> str:
    """How far a task is: `reading 1.2 GB of 3.4 GB`, `splitting 12,000 rows`."""
    if not progress.done:
        return clean(progress.text, limit=60)
    amount = bytes_text if progress.unit == "bytes" else lambda count: f"{count:,}"
    known = f" of {amount(progress.total)}" if progress.total else ""
    unit = "" if progress.unit == "bytes" else f" {clean(progress.unit, limit=20)}"
    return f"{clean(progress.text, limit=60)} {amount(progress.done)}{known}{unit}"
