"""A journal that outlasts a disk that is full for a while."""

from __future__ import annotations

import errno
import time
from collections import deque
from pathlib import Path
from typing import Any

from tuitune.runs.journal import Writer

PATIENCE_SECONDS = 600.0
_MOST = 10_000
_FULL = (errno.ENOSPC, errno.EDQUOT)


class PatientWriter:
    """Appends records; those that a full disk does not take are kept in memory and written first when there is room.

    OSError once that has lasted ten minutes or ten thousand records, and at once for anything but a full disk.
    """

    def __init__(self, path: Path) -> None:
        self._writer = Writer(path)
        self._waiting: deque[dict[str, Any]] = deque()
        self._full_since: float | None = None

    def append(self, **fields: Any) -> None:
        """Write one record (see `Writer.append`), or keep it for later."""
        self._waiting.append(fields)
        try:
            self.flush()
        except OSError as error:
            if error.errno not in _FULL or self._exhausted():
                raise

    def flush(self) -> None:
        """Write what was kept; OSError where that is not possible yet."""
        while self._waiting:
            self._writer.append(**self._waiting[0])
            self._waiting.popleft()
        self._full_since = None

    def _exhausted(self) -> bool:
        now = time.monotonic()
        self._full_since = now if self._full_since is None else self._full_since
        return now - self._full_since > PATIENCE_SECONDS or len(self._waiting) > _MOST
