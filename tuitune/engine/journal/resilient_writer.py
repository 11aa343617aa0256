"""A disk that is full for a while: records are kept until there is room, and what must be saved is tried again."""

from __future__ import annotations

import errno
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tuitune.runs.store.journal import JournalWriter

PATIENCE_SECONDS = 600.0
"""How long a disk may be full before what waits for room is given up."""

_MOST = 10_000
_FULL = (errno.ENOSPC, errno.EDQUOT)
_LONGEST_PAUSE = 15.0

Saved = TypeVar("Saved")


class ResilientWriter:
    """Appends records; those that a full disk does not take are kept in memory and written first when there is room.

    OSError once that has lasted ten minutes or ten thousand records, and at once for anything but a full disk. A sync
    that fails costs no record as long as the machine has power: `not_synced` is told, and the run goes on.
    """

    def __init__(self, path: Path, not_synced: Callable[[OSError], None]) -> None:
        self._writer = JournalWriter(path)
        self._not_synced = not_synced
        self._waiting: deque[dict[str, Any]] = deque()
        self._full_since: float | None = None

    def append(self, *, sync: bool = False, **fields: Any) -> None:
        """Write one record (see `JournalWriter.append`), or keep it for later."""
        self._waiting.append(fields)
        try:
            self._flush()
        except OSError as error:
            if not self._may_pass(error):
                raise
            return
        if sync:
            self._sync()

    def settle(self) -> None:
        """Have everything on disk; waits for room as long as the patience lasts, and OSError then."""
        until_there_is_room(self._flush, self._may_pass)
        self._sync()

    def _flush(self) -> None:
        while self._waiting:
            self._writer.append(**self._waiting[0])
            self._waiting.popleft()
        self._full_since = None

    def _sync(self) -> None:
        try:
            self._writer.sync()
        except OSError as error:
            self._not_synced(error)

    def _may_pass(self, error: Exception) -> bool:
        """Whether this is a full disk, which has not been full for too long."""
        if not isinstance(error, OSError) or error.errno not in _FULL:
            return False
        now = time.monotonic()
        self._full_since = now if self._full_since is None else self._full_since
        return now - self._full_since <= PATIENCE_SECONDS and len(self._waiting) <= _MOST


def until_there_is_room(
    save: Callable[[], Saved], full: Callable[[Exception], bool], waiting: Callable[[], None] = lambda: None
) -> Saved:
    """What `save` gives. While it fails of a full disk it is tried again, for `PATIENCE_SECONDS`; then its error.

    `full` says whether an error is one of a full disk; `waiting` is called before the first wait.
    """
    deadline, pause = None, 0.25
    while True:
        try:
            return save()
        except Exception as error:
            if not full(error):
                raise
            now = time.monotonic()
            if deadline is None:
                deadline = now + PATIENCE_SECONDS
                waiting()
            if now >= deadline:
                raise
            time.sleep(min(pause, deadline - now))
            pause = min(2 * pause, _LONGEST_PAUSE)
