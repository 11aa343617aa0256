"""The first page of a data file."""

from __future__ import annotations

from pathlib import Path

from tuitune.data.sources.names import open_rows
from tuitune.data.sources.rows import Row


def preview(path: Path | str, n: int = 200) -> list[Row]:
    """The first `n` rows, at once however big the file is. SourceError where it gives none."""
    return list(open_rows(path, limit=n))
