"""How much a parquet file unpacks to, judged by its footer and its dictionaries before any row of it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.compute
import pyarrow.parquet
import pyarrow.types as kinds

from tuitune.data.sources.packed import FREE_BYTES, MOST_RATIO
from tuitune.data.sources.rows import SourceError
from tuitune.text import clean

MOST_COLUMNS = 10_000
"""Columns of the widest parquet file that is read."""

_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
_INDEX_BYTES = 8
_SHORT_TEXTS = 64 << 10
_BATCH_ROWS = 64 << 10
TOO_MUCH = f"unpacks to more than {MOST_RATIO} times its size, like a decompression bomb"


def limit_of(path: Path) -> int:
    """Bytes that the rows of a file may unpack to."""
    return max(FREE_BYTES, MOST_RATIO * path.stat().st_size)


def refuse_bomb(path: Path, footer: Any) -> None:
    """SourceError where a file is too wide, or holds more than it may: packed pages, runs of one value, or a text that
    many rows name.
    """
    if footer.num_columns > MOST_COLUMNS:
        raise SourceError(path, f"has {footer.num_columns:,} columns; at most {MOST_COLUMNS:,} are read")
    values = 0
    for chunk in chunks(footer):
        if chunk.total_uncompressed_size > max(FREE_BYTES, MOST_RATIO * chunk.total_compressed_size):
            _refuse(path, chunk.path_in_schema)
        values += chunk.num_values * _WIDTHS.get(chunk.physical_type, 1)
    limit = limit_of(path)
    if values > limit:
        raise SourceError(path, f"names {footer.num_rows:,} rows and {TOO_MUCH}")
    for name in sorted({chunk.path_in_schema for chunk in chunks(footer) if _may_swell(chunk, limit)}):
        _refuse_swollen(path, name, limit)


def _refuse(path: Path, column: str) -> None:
    raise SourceError(path, f"the column {clean(column, limit=60)} {TOO_MUCH}")


def chunks(footer: Any) -> Iterator[Any]:
    """The parts of the columns, group by group."""
    for group in range(footer.num_row_groups):
        for column in range(footer.num_columns):
            yield footer.row_group(group).column(column)


def repeats(chunk: Any) -> bool:
    """Whether a part of a column has few texts, each in the file once for many rows."""
    if chunk.physical_type != "BYTE_ARRAY" or not chunk.has_dictionary_page:
        return False
    return chunk.total_compressed_size - _dictionary_bytes(chunk) < _INDEX_BYTES * chunk.num_values


def _dictionary_bytes(chunk: Any) -> int:
    return int(chunk.data_page_offset - chunk.dictionary_page_offset)


def _may_swell(chunk: Any, limit: int) -> bool:
    """Whether the texts of a part could come to more than the limit, if all its rows named the longest."""
    longest = max(_SHORT_TEXTS, MOST_RATIO * _dictionary_bytes(chunk)) if repeats(chunk) else 0
    return bool(min(longest, chunk.total_uncompressed_size) * chunk.num_values > limit)


def _refuse_swollen(path: Path, column: str, limit: int) -> None:
    """SourceError where the texts of a column come to more than the limit; only the numbers of its texts are read."""
    total = 0
    with pyarrow.parquet.ParquetFile(path, read_dictionary=[column]) as file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=[column]):
            total += sum(unpacked(array) for array in batch.columns)
            if total > limit:
                _refuse(path, column)


def unpacked(array: Any) -> int:
    """Bytes of an array once every value has a copy of its own."""
    kind = array.type
    if kinds.is_dictionary(kind):
        if not (kinds.is_string(kind.value_type) or kinds.is_binary(kind.value_type)):
            return int(array.nbytes)
        lengths = pyarrow.compute.binary_length(array.dictionary).cast(pyarrow.int64())
        return int(pyarrow.compute.sum(lengths.take(array.indices)).as_py() or 0)
    if kinds.is_struct(kind):
        return sum(map(unpacked, array.flatten()))
    if kinds.is_list(kind) or kinds.is_large_list(kind):
        return unpacked(array.flatten())
    return int(array.nbytes)
