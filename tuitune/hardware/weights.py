"""The weight files of a model folder, weighed by their headers alone: parameters, bytes, dtype, what is missing."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tuitune import plain

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

_HEADER_LIMIT = 32_000_000
"""Bytes of the largest header read: a hundred thousand tensors have half of it."""

_INDEX_LIMIT = 64_000_000
_SIZE_LIMIT = 1 << 50
_DIMENSIONS_LIMIT = 16
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8",
    "F8_E5M2": "float8",
}
_BUFFERS = (".inv_freq", ".masked_bias", ".attn.bias")
"""Tensors of old checkpoints that no current model class has."""


@dataclass(frozen=True)
class Weights:
    """What the weight files hold. `parameters` is None where they are packed (quantized), missing or damaged.

    `problems` names files that are missing, cut short or damaged; weights without problems are complete.
    """

    parameters: int | None
    bytes: int
    dtype: str | None
    problems: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.problems


def weigh(folder: Path, *, tied: bool = False) -> Weights:
    """Weigh the files of a model folder without reading a weight. `tied`: a stored output head is not counted."""
    problems: list[str] = []
    files = _weight_files(folder, problems)
    tensors: dict[str, tuple[str, int]] = {}
    for file in files:
        if file.suffix == ".safetensors":
            try:
                tensors.update(read_header(file))
            except (OSError, ValueError) as error:
                problems.append(f"{file.name}: {error}")
    if tied:
        tensors.pop("lm_head.weight", None)
    formats: Counter[str] = Counter()
    for name, (dtype, count) in tensors.items():
        if not name.endswith(_BUFFERS):
            formats[dtype] += count
    plain = bool(formats) and all(dtype in _DTYPES for dtype in formats)
    return Weights(
        parameters=formats.total() if plain and not problems else None,
        bytes=sum(_size(file) for file in files),
        dtype=_DTYPES.get(formats.most_common(1)[0][0], "quantized") if formats else None,
        problems=tuple(problems),
    )


def read_header(file: Path) -> dict[str, tuple[str, int]]:
    """Names, dtypes and element counts of the tensors in a safetensors file: 8 bytes of length, then JSON.

    Raises ValueError where the file is damaged or shorter than its header says, OSError where it cannot be read.
    """
    with open(plain.opened(file), "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(_HEADER_LIMIT, size - 8):
            raise ValueError("not a safetensors file, or cut short")
        try:
            header = orjson.loads(stream.read(length))
            tensors = {name: _tensor(entry) for name, entry in header.items() if name != "__metadata__"}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError("damaged safetensors header") from error
    needed = 8 + length + max((end for _, _, end in tensors.values()), default=0)
    if size < needed:
        raise ValueError(f"cut short: {size} of {needed} bytes")
    return {name: (dtype, count) for name, (dtype, count, _) in tensors.items()}


def _tensor(entry: Any) -> tuple[str, int, int]:
    """Dtype, element count and end of a header's entry; ValueError, TypeError or KeyError where it is none."""
    dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    sizes = [*shape, start, end]
    if not isinstance(dtype, str) or any(type(size) is not int or not 0 <= size < _SIZE_LIMIT for size in sizes):
        raise ValueError("no tensor is described like this")
    count = math.prod(shape[:_DIMENSIONS_LIMIT])
    if len(shape) > _DIMENSIONS_LIMIT or start > end or (dtype in _DTYPES and count * _item_size(dtype) != end - start):
        raise ValueError("the shape of a tensor is not that of its bytes")
    return dtype, count, end


def _item_size(dtype: str) -> int:
    """Bytes of one number: `BF16` has two, `F8_E4M3` one."""
    return int(re.sub(r"\D.*", "", dtype.lstrip("BF"))) // 8


def _weight_files(folder: Path, problems: list[str]) -> list[Path]:
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    if (folder / INDEX).is_file():
        return _indexed_files(folder, problems)
    found = sorted(
        file for file in folder.glob("*.safetensors") if not file.name.startswith(("adapter_", "consolidated"))
    )
    if not found:
        other = any(folder.glob("pytorch_model*.bin"))
        problems.append("no weights as safetensors, only pytorch_model.bin" if other else f"no weights ({SINGLE})")
    return found


def _indexed_files(folder: Path, problems: list[str]) -> list[Path]:
    names = _shard_names(folder / INDEX)
    if not names:
        problems.append(f"{INDEX}: damaged index")
    files = [folder / name for name in sorted(names)]
    problems.extend(f"{file.name}: missing" for file in files if not file.is_file())
    return [file for file in files if file.is_file()]


def _shard_names(index: Path) -> set[str]:
    """The file names in an index; a name that leads out of the folder is no file name."""
    try:
        entries: Any = orjson.loads(plain.read(index, _INDEX_LIMIT))["weight_map"].values()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
    return {name for name in _texts(entries) if name == Path(name).name}


def _texts(values: Iterable[Any]) -> list[str]:
    return [value for value in values if isinstance(value, str)]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
