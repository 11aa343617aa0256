"""Sources of several files: everything in a folder, or what a pattern such as `data/*.jsonl` matches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from tuitune.data.sources.formats import FORMATS, named_format
from tuitune.data.sources.rows import SourceError
from tuitune.text import clean

MOST_FILES = 10_000
"""Files that one name may stand for."""

_MOST_ENTRIES = 200_000
_MAGIC = frozenset("*?[")


def is_pattern(name: str) -> bool:
    return not _MAGIC.isdisjoint(name)


def files_in(folder: Path) -> tuple[Path, ...]:
    """The data files of a folder and of those in it, by name. Hidden ones are left out, and so are text files (a
    README, a licence) where there are tables. SourceError where there are none.
    """
    found = _expand(folder, ("**", "*"))
    tables = tuple(path for path in found if named_format(path) != "txt")
    if not found:
        raise SourceError(folder, f"is a folder without data files; supported are {', '.join(FORMATS)}")
    return tables or found


def files_matching(pattern: Path) -> tuple[Path, ...]:
    """The data files that a pattern matches, by name: `*`, `?` and `[…]` within a name, `**` for folders of any depth.

    SourceError where it matches none.
    """
    parts = pattern.parts
    plain = next(index for index, part in enumerate(parts) if is_pattern(part))
    found = _expand(Path(*parts[:plain]), parts[plain:])
    if not found:
        raise SourceError(pattern, "matches no data file")
    return found


def _expand(root: Path, pattern: tuple[str, ...]) -> tuple[Path, ...]:
    walk = _Walk(root)
    try:
        found = list(islice(dict.fromkeys(walk.matches(root, pattern)), MOST_FILES + 1))
    except OSError as error:
        raise SourceError(root, f"cannot be read: {error.strerror or error}") from None
    if len(found) > MOST_FILES:
        raise SourceError(root, f"holds more than {MOST_FILES:,} data files; name a folder in it or a pattern")
    return tuple(found)


class _Walk:
    """Through folders, never along a link to another folder, and never out of the one it began in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.real_root = os.path.realpath(root)
        self.looked_at = 0

    def matches(self, folder: Path, pattern: tuple[str, ...]) -> Iterator[Path]:
        head, rest = pattern[0], pattern[1:]
        if head == "**":
            yield from self.matches(folder, rest or ("*",))
        for entry in self.entries(folder):
            path = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                if head == "**":
                    yield from self.matches(path, pattern)
                elif rest and fnmatchcase(entry.name, head):
                    yield from self.matches(path, rest)
            elif head != "**" and not rest and fnmatchcase(entry.name, head) and named_format(path):
                yield from self.counted(path, entry)

    def entries(self, folder: Path) -> list[os.DirEntry[str]]:
        with os.scandir(folder) as found:
            listed = list(islice(found, _MOST_ENTRIES))
        self.looked_at += len(listed)
        if self.looked_at >= _MOST_ENTRIES:
            raise SourceError(self.root, f"holds more than {_MOST_ENTRIES:,} files and folders; name one in it")
        return sorted((entry for entry in listed if not entry.name.startswith(".")), key=lambda entry: entry.name)

    def counted(self, path: Path, entry: os.DirEntry[str]) -> Iterator[Path]:
        """The file, unless it is a link within the folder: what that leads to is read anyway."""
        if not entry.is_symlink():
            yield path
            return
        shown = clean(os.path.relpath(path, self.root), limit=100)
        real = Path(os.path.realpath(path))
        if not real.exists():
            raise SourceError(self.root, f"the link {shown} in it leads nowhere; remove it")
        if not real.is_relative_to(self.real_root):
            raise SourceError(self.root, f"the link {shown} leads out of it; name that file itself, or copy it in")
