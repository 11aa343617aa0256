"""Rows of Hub data sets, through `datasets`: from its cache where they are in it, else streamed or downloaded.

For processes that are not the screen: what it imports takes seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any

import datasets
import datasets.data_files
from datasets.exceptions import DatasetNotFoundError

from tuitune.data.sources.parquet_rows import of_batch
from tuitune.data.sources.rows import EmptySourceError, Row, SourceError
from tuitune.hub import proxy_problem, rows_offline
from tuitune.text import clean, redact

_BATCH_ROWS = 200
_INNER_PROTOCOLS = ("hf", "zip", "tar", "gzip", "bz2", "xz", "lz4", "zstd")


def read_hub(repo: str, split: str, *, limit: int | None = None, first: int = 1) -> Iterator[Row]:
    """Rows of `owner/name` or `owner/name:configuration`, from number `first` on.

    With a limit they are streamed, without one the whole split is downloaded and prepared; either way what the cache
    has of it is used, offline as well. SourceError, at the first row, says why there are none.
    """
    with _explained(repo):
        builder = _builder(repo)
        if limit is None:
            builder.download_and_prepare()
        batches = (of_batch(batch, number) for batch, number in _batches(builder, split, first - 1))
        given = 0
        for row in islice(chain.from_iterable(batches), limit):
            given += 1
            yield row
    if first == 1 and not given and limit != 0:
        raise EmptySourceError(repo, f"the split {clean(split, limit=40)} has no rows")


def revision(repo: str) -> str:
    """The commit that the Hub, or else the cache, has of a data set. SourceError where it is out of reach."""
    with _explained(repo):
        return str(_builder(repo).hash)


def _builder(repo: str) -> Any:
    name, _, configuration = repo.partition(":")
    with _own_files_only():
        return datasets.load_dataset_builder(name, configuration or None)


@contextmanager
def _own_files_only() -> Iterator[None]:
    """A data set's card says where its files are: never elsewhere on this machine, nor on another of its network."""
    resolve = datasets.data_files.resolve_pattern

    def resolve_own(pattern: str, *arguments: Any, **options: Any) -> list[str]:
        if any(map(_is_foreign, pattern.split("::"))):
            raise PermissionError(f"its card names files outside of it ({clean(pattern, limit=100)}); it is not read")
        return resolve(pattern, *arguments, **options)

    datasets.data_files.resolve_pattern = resolve_own
    try:
        yield
    finally:
        datasets.data_files.resolve_pattern = resolve


def _is_foreign(place: str) -> bool:
    protocol, separator, path = place.rpartition("://")
    if separator:
        return protocol not in _INNER_PROTOCOLS
    return path.startswith(("/", "~")) or ".." in Path(path).parts


def _batches(builder: Any, split: str, number: int) -> Iterator[tuple[Any, int]]:
    """Batches of the rows after row `number`, and how many come before each."""
    if Path(builder.cache_dir, "dataset_info.json").exists():
        data = builder.as_dataset(split=split).with_format("arrow")
        starts = range(number, len(data), _BATCH_ROWS)
        yield from ((data[start : start + _BATCH_ROWS], start) for start in starts)
        return
    data = builder.as_streaming_dataset(split=split).skip(number).with_format("arrow")
    for batch in data.iter(batch_size=_BATCH_ROWS):
        yield batch, number
        number += batch.num_rows


@contextmanager
def _explained(repo: str) -> Iterator[None]:
    try:
        yield
    except SourceError:
        raise
    except MemoryError:
        raise SourceError(repo, "a batch of its rows needs more memory than is free") from None
    except Exception as error:
        raise SourceError(repo, clean(redact(_reason(error, repo)), limit=500)) from error


def _reason(error: Exception, repo: str) -> str:
    if (problem := proxy_problem()) is not None:
        return f"cannot be downloaded: {problem}"
    if (forbids := rows_offline()) is not None and isinstance(error, ConnectionError | DatasetNotFoundError):
        return f"{forbids} forbids downloads, and the data set is not in this machine's cache"
    if isinstance(error, DatasetNotFoundError):
        advice = "check its name; for a private or gated one, log in with `hf auth login` or set HF_TOKEN"
        return f"is not on the Hub, or you have no access: {advice}"
    if isinstance(error, ConnectionError | TimeoutError):
        return "the Hub could not be reached, and the data set is not in this machine's cache"
    text = " ".join(str(_root(error)).split())
    if "Config name is missing" in text or "BuilderConfig" in text:
        names = re.findall(r"'([\w.-]+)'", text.partition("[")[2].partition("]")[0])
        name = repo.partition(":")[0]
        return f"has several configurations; name one: {', '.join(f'{name}:{one}' for one in names[:12]) or text}"
    return text if isinstance(error, PermissionError | ValueError) else f"{type(error).__name__}: {text}"


def _root(error: BaseException) -> BaseException:
    return _root(error.__cause__) if error.__cause__ is not None else error
