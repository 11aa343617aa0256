"""Rows of parquet files as JSON has them. Imports pyarrow: for processes that are not the screen."""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.parquet
import pyarrow.types as kinds

from tuitune.data.sources.parquet_size import TOO_MUCH, chunks, limit_of, refuse_bomb, repeats, unpacked
from tuitune.data.sources.rows import LONGEST, Row, SourceError, mark
from tuitune.rows.fields import bytes_sign
from tuitune.rows.numbers import fraction
from tuitune.text import clean

Settle = Callable[[int, dict[str, Any]], Row]

_UNMADE = (KeyError, ValueError, OverflowError, pyarrow.ArrowException)
"""What pyarrow raises where a value has no Python form: text that is not UTF-8, a map with a key twice, a far date."""

_SHORT_TEXTS = 64 << 10
_BATCH_ROWS = 1000
_BATCH_BYTES = 8 << 20


def read_parquet(path: Path) -> Iterator[Row]:
    """The rows, a batch at a time. What JSON has no word for becomes text (`plain`).

    SourceError where the file is none, cut, broken, too wide or a bomb: at the first row, so far as its footer tells.
    """
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            footer = file.metadata
            refuse_bomb(path, footer)
        with pyarrow.parquet.ParquetFile(path, metadata=footer, read_dictionary=_repeating(footer)) as file:
            yield from _rows(file, path)
    except MemoryError:
        raise SourceError(path, "a batch of its rows needs more memory than is free") from None
    except (pyarrow.ArrowException, OSError) as error:
        raise SourceError(path, f"is not a readable parquet file: {clean(str(error), limit=300)}") from None


def _repeating(footer: Any) -> list[str]:
    """Columns of few long texts, each in the file once for many rows: read so, they cannot fill the memory."""
    found = (chunk for chunk in chunks(footer) if "." not in chunk.path_in_schema)
    return sorted({one.path_in_schema for one in found if repeats(one) and one.total_uncompressed_size > _SHORT_TEXTS})


def _rows(file: Any, path: Path) -> Iterator[Row]:
    number = read = 0
    limit = limit_of(path)
    odd = any(_is_odd(field.type) for field in file.schema_arrow)
    for group in range(file.metadata.num_row_groups):
        facts = file.metadata.row_group(group)
        size = max(1, min(_BATCH_ROWS, _BATCH_BYTES * facts.num_rows // max(facts.total_byte_size, 1)))
        for batch in file.iter_batches(batch_size=size, row_groups=[group]):
            read += sum(map(unpacked, batch.columns))
            if read > limit:
                raise SourceError(path, TOO_MUCH)
            yield from of_batch(batch, number, odd)
            number += batch.num_rows


def of_batch(batch: Any, number: int, odd: bool = True) -> Iterator[Row]:
    """The rows of an Arrow batch or table that follow row `number`. `odd` where values may need `plain`."""
    step = max(1, LONGEST // max(_longest_repeated(batch), LONGEST // _BATCH_ROWS))
    settle = _settling(batch, odd)
    for start in range(0, batch.num_rows, step):
        yield from _of_slice(batch.slice(start, step), number + start, settle)


def _settling(batch: Any, odd: bool) -> Settle:
    """What makes values of a batch into a row as JSON would have it."""
    mended = {
        name: mend
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        if (mend := _mend(column.type, getattr(column, "chunks", [column])))
    }

    def as_row(number: int, values: dict[str, Any]) -> Row:
        found = plain(values) if odd else values
        changed = {name: mend(values[name]) for name, mend in mended.items()}
        if not changed:
            return Row(number, None, found)
        settled = {**found, **(plain(changed) if odd else changed)}
        return Row(number, None, settled, marked="" if settled == found else mark(Row(number, None, found)))

    return as_row


def _mend(kind: Any, arrays: Sequence[Any]) -> Callable[[Any], Any] | None:
    """What makes a value of such arrays what was put into the table; None where it is that.

    A table has every key of an object in all of them, as nothing where a row did not have it: an object within a column
    is without those. A number of single precision has the digits that tell it from its neighbours.
    """
    if kinds.is_float32(kind) or kinds.is_float16(kind):
        single = numpy.float32 if kinds.is_float32(kind) else numpy.float16
        return lambda value: None if value is None else float(str(single(value)))
    if _is_list(kind):
        inner = _mend(kind.value_type, [array.values for array in arrays])
        return inner and (lambda value: None if value is None else [inner(one) for one in value])
    if kinds.is_map(kind):
        items = _mend(kind.item_type, [array.items for array in arrays])
        return items and (lambda value: None if value is None else {name: items(one) for name, one in value.items()})
    if not kinds.is_struct(kind):
        return None
    held = {field.name: [array.field(at) for array in arrays] for at, field in enumerate(kind)}
    mends = {field.name: mend for field in kind if (mend := _mend(field.type, held[field.name]))}
    if not mends and not any(array.null_count for inner in held.values() for array in inner):
        return None
    return lambda value: (
        None
        if value is None
        else {name: mends[name](one) if name in mends else one for name, one in value.items() if one is not None}
    )


def _is_list(kind: Any) -> bool:
    return bool(kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind))


def _longest_repeated(batch: Any) -> int:
    """Bytes that a row's values may have at most in columns that hold each value once."""
    texts = [
        array.dictionary
        for column in batch.columns
        for array in getattr(column, "chunks", [column])
        if kinds.is_dictionary(array.type) and kinds.is_string(array.type.value_type) and len(array.dictionary)
    ]
    return sum(pyarrow.compute.max(pyarrow.compute.binary_length(text)).as_py() or 0 for text in texts)


def _of_slice(batch: Any, number: int, settle: Settle) -> Iterator[Row]:
    small = batch.nbytes <= LONGEST
    try:
        values = batch.to_pylist(maps_as_pydicts="strict") if small else None
    except _UNMADE:
        values = None
    for index in range(batch.num_rows):
        number += 1
        if values is None:
            yield _alone(batch.slice(index, 1), number, settle)
        else:
            yield settle(number, values[index])


def _alone(batch: Any, number: int, settle: Settle) -> Row:
    """A row of a batch that is big or has a row that cannot be read."""
    if max(batch.nbytes, _longest_repeated(batch)) > LONGEST:
        return Row(number, None, None, f"the row is longer than {LONGEST >> 20} MiB")
    try:
        values = batch.to_pylist(maps_as_pydicts="strict")[0]
    except UnicodeDecodeError as error:
        byte = error.object[error.start : error.start + 1].hex()
        return Row(number, None, None, f"is not UTF-8 (byte 0x{byte})")
    except _UNMADE as error:
        return Row(number, None, None, f"cannot be read: {clean(str(error), limit=200)}")
    return settle(number, values)


def _is_odd(kind: Any) -> bool:
    """Whether values of a type may be other than JSON has them."""
    if kinds.is_struct(kind):
        return any(_is_odd(kind.field(index).type) for index in range(kind.num_fields))
    if _is_list(kind) or kinds.is_dictionary(kind):
        return _is_odd(kind.value_type)
    simple = (kinds.is_string, kinds.is_large_string, kinds.is_integer, kinds.is_boolean, kinds.is_null)
    return not any(test(kind) for test in simple)


def plain(value: Any) -> Any:
    """A value as JSON has it. Times are ISO 8601, decimals numbers of their digits, what is no finite number null,
    and bytes the text that they are in UTF-8 or else their length and hash: images and sounds are no text to train on.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return _text_of(value)
    if isinstance(value, decimal.Decimal):
        return _number_of(value)
    if isinstance(value, datetime.timedelta | uuid.UUID):
        return str(value)
    return plain(value.tolist()) if hasattr(value, "tolist") else str(value)


def _number_of(value: decimal.Decimal) -> int | float | None:
    """A decimal with its digits, zeros at the end too, and never with an exponent."""
    digits = format(value, "f")
    if not value.is_finite():
        return None
    return fraction(digits) if "." in digits else int(digits)


def _text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return bytes_sign(value)
