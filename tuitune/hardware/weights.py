"""The weight files of a model folder, weighed by their headers alone: parameters, bytes, dtype, what is missing."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tuitune import plain

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

_HEADER_LIMIT = 32_000_000
"""Bytes of the largest header read: a hundred thousand tensors have half of it."""

_INDEX_LIMIT = 64_000_000
_NAMED = 3
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


class Tensor(NamedTuple):
    """A stored tensor as its header describes it; `dtype` is safetensors' own word, such as BF16."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def plain(self) -> bool:
        """Whether it holds numbers as they are, not packed ones."""
        return self.dtype in _DTYPES


@dataclass(frozen=True)
class Weights:
    """What the weight files hold. `parameters` is None where they are packed (quantized), missing or damaged.

    `problems` names files that are missing, cut short or damaged, and tensors that are not where the index says;
    weights without problems are complete.
    """

    parameters: int | None
    bytes: int
    dtype: str | None
    problems: tuple[str, ...]
    tensors: Mapping[str, Tensor] = field(default_factory=dict, repr=False)


def weigh(folder: Path, *, tied: bool = False) -> Weights:
    """Weigh the files of a model folder without reading a weight. `tied`: a stored output head is not counted."""
    problems: list[str] = []
    places = _places(folder)
    files = _weight_files(folder, places, problems)
    tensors: dict[str, Tensor] = {}
    for file in files:
        if file.suffix == ".safetensors":
            try:
                header = read_header(file)
            except (OSError, ValueError) as error:
                problems.append(f"{file.name}: {error}")
                continue
            if twice := tensors.keys() & header.keys():
                problems.append(f"{file.name}: holds {named(twice)}, which another file holds too")
            tensors.update(header)
            if absent := [name for name, shard in places.items() if shard == file.name and name not in header]:
                problems.append(f"{file.name}: lacks {named(absent)}, which the index places there")
    size = sum(found.st_size for file in files if (found := plain.stat_of(file)))
    return weigh_tensors(tensors, size, problems, tied=tied)


def weigh_tensors(
    tensors: Mapping[str, Tensor], size: int, problems: Iterable[str] = (), *, tied: bool = False
) -> Weights:
    """As `weigh`, of tensors that are described already, in files of `size` bytes together."""
    found = tuple(problems)
    formats: Counter[str] = Counter()
    for name, tensor in tensors.items():
        if not name.endswith(_BUFFERS) and not (tied and name == "lm_head.weight"):
            formats[tensor.dtype] += tensor.numel
    plain = bool(formats) and all(dtype in _DTYPES for dtype in formats)
    return Weights(
        parameters=formats.total() if plain and not found else None,
        bytes=size,
        dtype=_DTYPES.get(formats.most_common(1)[0][0], "quantized") if formats else None,
        problems=found,
        tensors=tensors,
    )


def named(names: Iterable[str]) -> str:
    """The first of some tensors by name, and how many more there are."""
    found = sorted(names)
    more = len(found) - _NAMED
    return ", ".join(found[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def tensor_files(folder: Path) -> dict[str, Path]:
    """The file of each tensor in a model folder. Raises as `read_header`."""
    return {name: file for file in _weight_files(folder, _places(folder), []) for name in read_header(file)}


def sizes(shape: Iterable[int]) -> str:
    """A shape in words: 64 × 16."""
    return " × ".join(map(str, shape)) or "one number"


def read_header(file: Path) -> Mapping[str, Tensor]:
    """The tensors in a safetensors file by name: 8 bytes of length, then JSON. Kept while the file stays the same.

    Raises ValueError where the file is damaged or shorter than its header says, OSError where it cannot be read.
    """
    found = file.stat()
    return _header(file, found.st_size, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=256)
def _header(file: Path, *_state: int) -> Mapping[str, Tensor]:
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
    needed = 8 + length + max((end for _, end in tensors.values()), default=0)
    if size < needed:
        raise ValueError(f"cut short: {size} of {needed} bytes")
    return {name: tensor for name, (tensor, _) in tensors.items()}


def _tensor(entry: Any) -> tuple[Tensor, int]:
    """A header's entry and where its bytes end; ValueError, TypeError or KeyError where it is none."""
    dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    numbers = [*shape, start, end]
    if not isinstance(dtype, str) or any(type(one) is not int or not 0 <= one < _SIZE_LIMIT for one in numbers):
        raise ValueError("malformed tensor entry")
    tensor = Tensor(dtype, tuple(shape[:_DIMENSIONS_LIMIT]))
    lying = tensor.plain and tensor.numel * _item_size(dtype) != end - start
    if len(shape) > _DIMENSIONS_LIMIT or start > end or lying:
        raise ValueError("the shape of a tensor does not match its bytes")
    return tensor, end


def _item_size(dtype: str) -> int:
    """Bytes of one number: `BF16` has two, `F8_E4M3` one."""
    return int(re.sub(r"\D.*", "", dtype.lstrip("BF"))) // 8


def _weight_files(folder: Path, places: Mapping[str, str], problems: list[str]) -> list[Path]:
    if (folder / SINGLE).is_file():
        if places:
            problems.append(f"{SINGLE} beside {INDEX}: two sets of weights; remove the one that does not belong here")
        return [folder / SINGLE]
    if (folder / INDEX).is_file():
        if not places:
            problems.append(f"{INDEX}: damaged index")
        files = [folder / name for name in sorted(set(places.values()))]
        problems.extend(f"{file.name}: missing" for file in files if not file.is_file())
        return [file for file in files if file.is_file()]
    others = ("adapter_", "consolidated")
    found = sorted(file for file in folder.glob("*.safetensors") if not file.name.startswith(others))
    pickled = any(folder.glob("pytorch_model*.bin"))
    if found:
        problems.append(f"no {INDEX} beside {found[0].name}")
    else:
        problems.append("no weights as safetensors, only pytorch_model.bin" if pickled else f"no weights ({SINGLE})")
    return found


def _places(folder: Path) -> dict[str, str]:
    """The file of each tensor by the folder's index; a name that leads out is no file name."""
    try:
        entries: Any = orjson.loads(plain.read(folder / INDEX, _INDEX_LIMIT))["weight_map"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {name: file for name, file in entries if isinstance(file, str) and file == Path(file).name}
