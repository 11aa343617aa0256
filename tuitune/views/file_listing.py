"""The files that a half-typed path may mean: data files and folders, as a picker shows them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuitune.data.sources.formats import FORMATS
from tuitune.paths import expanded

MOST = 500
"""Entries listed; a folder may hold a million."""


@dataclass(frozen=True)
class FileEntry:
    """A file or folder as it would be typed (`name`), and where it is. `bytes` is None for a folder."""

    name: str
    path: Path
    is_folder: bool
    bytes: int | None


@dataclass(frozen=True)
class Listing:
    """What was found; `problem` says why nothing could be, `more` that there is more than is listed."""

    entries: tuple[FileEntry, ...] = ()
    problem: str = ""
    more: bool = False


def list_files(typed: str, base: Path, *, files: bool = True, cancelled: Callable[[], bool] = lambda: False) -> Listing:
    """Folders, then data `files`, whose names contain what is typed after the last slash; hidden ones after a dot."""
    head, slash, tail = typed.rpartition("/")
    try:
        folder = base / expanded(f"{head}{slash}")
        found, more = _scan(folder, head + slash, tail, files, cancelled)
    except FileNotFoundError:
        return Listing(problem="no such folder")
    except (OSError, RuntimeError, ValueError) as error:
        return Listing(problem=getattr(error, "strerror", None) or str(error))
    entries = sorted(found, key=lambda entry: (not entry.is_folder, not _starts(entry, tail), entry.path.name.lower()))
    return Listing(tuple(entries), more=more)


def completion(typed: str, entries: Sequence[FileEntry]) -> str:
    """What Tab makes of `typed`: the longest beginning that all the entries that begin with it share."""
    tail = typed.rpartition("/")[2]
    names = [entry.name for entry in entries if _starts(entry, tail)] or [entry.name for entry in entries]
    shared = os.path.commonprefix(names)  # noqa: RUF071
    return shared if len(shared) > len(typed) else typed


def _starts(entry: FileEntry, tail: str) -> bool:
    return entry.path.name.lower().startswith(tail.lower())


def _scan(
    folder: Path, prefix: str, tail: str, files: bool, cancelled: Callable[[], bool]
) -> tuple[list[FileEntry], bool]:
    found: list[FileEntry] = []
    with os.scandir(folder) as items:
        for item in items:
            if len(found) >= MOST or cancelled():
                return found, True
            if tail.lower() not in item.name.lower() or (item.name.startswith(".") and not tail.startswith(".")):
                continue
            if item.is_dir():
                found.append(FileEntry(f"{prefix}{item.name}/", Path(item.path), True, None))
            elif files and Path(item.name).suffix.lower() in FORMATS and item.is_file():
                found.append(FileEntry(f"{prefix}{item.name}", Path(item.path), False, item.stat().st_size))
    return found, False
