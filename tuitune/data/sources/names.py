"""Where rows come from: files, folders and patterns, bundled sets, https addresses, Hub data sets."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal

from tuitune.data.sources.bundled import PREFIX, data_path
from tuitune.data.sources.files import beginning, open_rows
from tuitune.data.sources.folders import files_in, files_matching, is_pattern
from tuitune.data.sources.formats import FORMATS, Format, format_of, named_format
from tuitune.data.sources.rows import EmptySourceError, Row, SourceError
from tuitune.paths import expanded

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(:[\w.-]+)?")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class Source:
    """What a name in `data.train` or `data.eval` stands for.

    `paths` are its files, in order; a web address and a Hub data set have none before they are fetched. `format` is
    None where files differ.
    """

    kind: Literal["file", "files", "bundled", "web", "hub"]
    name: str
    paths: tuple[Path, ...] = ()
    format: Format | None = None

    @property
    def path(self) -> Path | None:
        """The only file, where there is one."""
        return self.paths[0] if len(self.paths) == 1 else None

    @property
    def light(self) -> bool:
        """Whether it can be read without pyarrow, datasets or the network: by the screen itself."""
        if self.path is not None:
            return self.format != "parquet"
        return bool(self.paths) and all(named_format(path) != "parquet" for path in self.paths)

    @property
    def named_paths(self) -> list[tuple[Path, str | None]]:
        """The files, each with what to call it among several: its path from the folder that holds them all."""
        if self.kind != "files":
            return [(path, None) for path in self.paths]
        folder = os.path.commonpath([path.parent for path in self.paths])
        return [(path, os.path.relpath(path, folder)) for path in self.paths]


def resolve(name: str, *, base: Path | None = None) -> Source:
    """The source called `name`; relative paths start at `base`, or else at the current folder.

    A folder or a pattern (`data/*.jsonl`) stands for its data files. `owner/name` or `owner/name:configuration` is a
    Hub data set where no such file exists. SourceError where it is nothing of all this; nothing is fetched.
    """
    if name.startswith(PREFIX):
        path = data_path(name)
        return Source("bundled", name, (path,), format=FORMATS[path.suffix])
    if _ADDRESS.match(name):
        from tuitune.data.sources.web import checked_address

        return Source("web", checked_address(name))
    try:
        path = (base or Path()) / expanded(name)
        exists, folder = path.exists(), path.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(name, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if folder:
        return _several(name, files_in(path))
    if not exists and is_hub_set(name):
        return Source("hub", name)
    if not exists and is_pattern(name):
        return _several(name, files_matching(path))
    return Source("file", name, (path,), format=format_of(path, beginning(path)))


def is_hub_set(name: str) -> bool:
    """Whether a name has the form of a data set on the Hub: `owner/name`, without the ending of a data file."""
    return _HUB_NAME.fullmatch(name) is not None and named_format(Path(name)) is None


def _several(name: str, paths: tuple[Path, ...]) -> Source:
    formats = {named_format(path) for path in paths}
    return Source("files", name, paths, format=formats.pop() if len(formats) == 1 else None)


def open_source(source: Source, *, split: str = "train", limit: int | None = None, first: int = 1) -> Iterator[Row]:
    """The rows of any source from row `first` on, at most `limit`. `split` concerns the Hub alone.

    A web address is fetched into the cache first. SourceError where there are no rows; of several files, one that
    cannot be read is a row with a problem, and an empty one is passed over.
    """
    if source.kind == "hub":
        from tuitune.data.sources.hub_rows import read_hub

        return read_hub(source.name, split, limit=limit, first=first)
    source = fetched(source)
    rows = _chain(source) if source.kind == "files" else open_rows(source.paths[0])
    return islice(rows, first - 1, None if limit is None else first - 1 + limit)


def fetched(source: Source) -> Source:
    """A source whose files are on this machine: a web address as the file it was fetched to."""
    if source.kind != "web":
        return source
    from tuitune.data.sources.web import fetch

    path = fetch(source.name)
    return replace(source, paths=(path,), format=format_of(path, beginning(path)))


def _chain(source: Source) -> Iterator[Row]:
    number = 0
    for path, name in source.named_paths:
        for row in rows_of_one(path):
            number += 1
            yield replace(row, number=number, file=name)
    if number == 0:
        raise EmptySourceError(source.name, "none of its files has a row")


def rows_of_one(path: Path) -> Iterator[Row]:
    """The rows of one file of several: none where it is empty, and its problem where it cannot be read."""
    number = 0
    try:
        if named_format(path) != "parquet" and format_of(path, beginning(path)) == "parquet":
            raise SourceError(path, "is a parquet file by another name; call it .parquet")
        for row in open_rows(path):
            number = row.number
            yield row
    except EmptySourceError:
        return
    except SourceError as error:
        yield Row(number + 1, None, None, error.problems[0].message)


def stamp(source: Source) -> str:
    """Text that changes when the content may have: of the files the names, sizes and times, of a Hub data set its name.

    Cheap: no file is read and nothing is fetched.
    """
    paths = source.paths
    if source.kind == "web":
        from tuitune.data.sources.web import cached

        paths = tuple(path for path in [cached(source.name)] if path)
    states = [(str(path.absolute()), *_state(path)) for path in paths]
    return hashlib.blake2b(repr((source.kind, source.name, states)).encode(), digest_size=16).hexdigest()


def _state(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ino


def content_hash(source: Source) -> str:
    """SHA-256 over the contents of the files, in order; of a Hub data set, over its name and revision.

    Fetches a web address, asks the Hub. SourceError where the content is out of reach.
    """
    if source.kind == "hub":
        from tuitune.data.sources.hub_rows import revision

        return hashlib.sha256(f"{source.name}@{revision(source.name)}".encode()).hexdigest()
    source = fetched(source)
    return _hash_of_files(source.paths, stamp(source))


@lru_cache(maxsize=32)
def _hash_of_files(paths: tuple[Path, ...], _stamp: str) -> str:
    hashes = []
    for path in paths:
        try:
            with path.open("rb") as file:
                hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise SourceError(path, f"cannot be read: {error.strerror or error}") from None
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()
