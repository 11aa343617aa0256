"""Rows as tokens on disk: written once, mapped into memory, found again by what they were made of.

A set of tokens is a folder `data_home()/cache/tokenized/KEY`: `train.arrow` and `held_out.arrow` with the columns of
their encoder, `held_out.jsonl` with the first held-out rows as they were, `facts.json`, and a manifest with
the digest of each (`tuitune.runs.store.manifest`). It appears whole or not at all, and is never used damaged.
"""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import orjson
import pyarrow as pa

from tuitune.engine.tokens.encode import Canonical, Numbers
from tuitune.engine.tokens.encoders import TokenRow
from tuitune.paths import data_home, private_directory
from tuitune.rows.numbers import dumps, loads
from tuitune.runs.store import files, manifest

KEPT_BYTES = 8 << 30
"""What the cache may hold; the sets that were used longest ago go first, and the newest always stays."""

KEPT_HELD_OUT = 10_000
"""Held-out rows kept as they were: no recipe has more of them answered."""

_STALE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Tokenized:
    """The tokens of a recipe's data, in the order of the rows, and the facts about them; `held_out_rows` as read."""

    train: datasets.Dataset
    held_out: datasets.Dataset | None
    held_out_rows: list[Canonical]
    facts: dict[str, Any]


class TokenDraft:
    """A set of tokens that is being written; nothing of it is left unless it is kept."""

    def __init__(self, key: str) -> None:
        self._folder = private_directory(cache()) / key
        self._draft = self._folder.with_name(f".{key}.{uuid.uuid4().hex[:8]}")

    def __enter__(self) -> TokenDraft:
        self._draft.mkdir(mode=0o700)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._draft, ignore_errors=True)

    @contextmanager
    def rows(self, name: str, columns: Sequence[str]) -> Iterator[Callable[[Sequence[TokenRow]], None]]:
        """What writes the rows of `train` or `held_out`, a batch at a time, as an Arrow stream of these columns."""
        file = str(self._draft / f"{name}.arrow")
        schema = pa.schema([(column, pa.list_(pa.int32())) for column in columns])
        with pa.OSFile(file, "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
            yield partial(_write, stream, schema)

    def keep(self, facts: dict[str, Any], held_out_rows: Sequence[Canonical]) -> Tokenized:
        """Put the set into its place, and open it."""
        lines = b"".join(dumps(row) + b"\n" for row in held_out_rows[:KEPT_HELD_OUT])
        (self._draft / "held_out.jsonl").write_bytes(lines)
        (self._draft / "facts.json").write_bytes(orjson.dumps(facts))
        manifest.seal(self._draft, {})
        with suppress(OSError):  # another process was faster
            self._draft.rename(self._folder)
        files.sync_directory(self._folder.parent)
        found = _open(self._folder)
        _sweep(keep=self._folder)
        return found


def _write(stream: pa.RecordBatchStreamWriter, schema: pa.Schema, rows: Sequence[TokenRow]) -> None:
    if not rows:
        return
    columns = zip(*(row.arrays for row in rows), strict=True)
    stream.write_batch(pa.record_batch([_lists(column) for column in columns], schema=schema))


def _lists(column: Sequence[Numbers]) -> pa.ListArray:
    ends = np.cumsum([0, *map(len, column)], dtype=np.int32)
    return pa.ListArray.from_arrays(ends, np.concatenate(column))


def cache() -> Path:
    return data_home() / "cache" / "tokenized"


def find(key: str) -> Tokenized | None:
    """The set of tokens called `key`, if it is there as it was written; a damaged one is removed, with a warning."""
    folder = cache() / key
    if not os.path.lexists(folder):
        return None
    sealed = manifest.read(folder)
    if damage := "no valid manifest" if sealed is None else manifest.check(folder, sealed):
        logging.getLogger(__name__).warning("cached tokens are damaged (%s): tokenizing the rows again", damage)
        with suppress(OSError):  # another process was faster
            _clear(folder)
        return None
    return _open(folder)


def _clear(folder: Path) -> None:
    """Free the name of a set of tokens, whatever bears it: a folder, a link, or what may not be read."""
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    folder.rename(aside)
    if aside.is_symlink() or not aside.is_dir():
        aside.unlink()
    else:
        shutil.rmtree(aside, ignore_errors=True)


def _open(folder: Path) -> Tokenized:
    facts = orjson.loads((folder / "facts.json").read_bytes())
    lines = (folder / "held_out.jsonl").read_bytes().splitlines()
    train, held_out = (datasets.Dataset.from_file(str(folder / f"{name}.arrow")) for name in ("train", "held_out"))
    os.utime(folder)
    return Tokenized(train, held_out if len(held_out) else None, [loads(line) for line in lines], facts)


def _sweep(keep: Path) -> None:
    """Remove the sets used longest ago while there is too much, and drafts that a killed process left behind."""
    found = []
    for folder in cache().iterdir():
        with suppress(OSError):
            used = folder.stat().st_mtime
            found.append((used, folder, sum(file.stat().st_size for file in folder.iterdir())))
    newest = max((used for used, _, _ in found), default=0.0)
    room = KEPT_BYTES
    for used, folder, size in sorted(found, reverse=True):
        draft = folder.name.startswith(".")
        room -= size
        if folder != keep and (used < newest - _STALE_SECONDS if draft else room < 0):
            shutil.rmtree(folder, ignore_errors=True)
