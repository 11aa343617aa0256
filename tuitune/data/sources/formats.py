"""Which format a file has: by what is in it where that is plain, else by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import orjson

from tuitune.data.sources.rows import SourceError
from tuitune.text import clean

Format = Literal["json", "jsonl", "csv", "tsv", "txt", "parquet"]

FORMATS: dict[str, Format] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "txt",
    ".text": "txt",
    ".md": "txt",
    ".parquet": "parquet",
}
"""File name endings and how such files are read. Before `PACKED` endings they count as well: `rows.jsonl.gz`."""

PACKED = (".gz", ".gzip", ".zst", ".zstd")
"""File name endings of packed files that are read."""

BOM = b"\xef\xbb\xbf"

_ARCHIVES = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z", b"Rar!": "rar"}
_PACKED_TWICE = {b"\x1f\x8b": "gzip twice", b"\x28\xb5\x2f\xfd": "zstandard twice"}
_CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\x1b"})


def named_format(path: Path) -> Format | None:
    """The format that the name tells of, packed or not; None where it is no data file's."""
    suffix = path.suffix.lower()
    return FORMATS.get(Path(path.stem).suffix.lower() if suffix in PACKED else suffix)


def format_of(path: Path, start: bytes) -> Format:
    """The format of the file that begins with `start` (unpacked). `.json` files often hold JSON Lines."""
    if start.startswith(b"PAR1"):
        return "parquet"
    form = named_format(path)
    text = start.removeprefix(BOM).lstrip()
    if form in ("json", "jsonl", None) and text[:1] in (b"{", b"["):
        return "json" if text[:1] == b"[" else _objects(text) or form or "jsonl"
    if form is None:
        refuse_unreadable(path, start)
        kind = clean(path.suffix or path.name, limit=40)
        known = ", ".join(FORMATS)
        raise SourceError(path, f"has an unknown format ({kind}); supported are {known}, and each with .gz or .zst")
    return form


def _objects(text: bytes) -> Format | None:
    """Whether text that begins with an object is JSON Lines or one big object; None where that does not show."""
    line, newline, rest = text.partition(b"\n")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        if not newline:
            return None
        return "jsonl" if rest.lstrip()[:1] == b"{" else "json" if line.strip() == b"{" else None
    return "json" if not rest.strip() and isinstance(value.get("data"), list) else "jsonl"


def refuse_unreadable(path: Path, start: bytes) -> None:
    """SourceError where the beginning of a file (unpacked) cannot be UTF-8 text."""
    for magic, name in (_ARCHIVES | _PACKED_TWICE).items():
        if start.startswith(magic):
            raise SourceError(path, f"is packed with {name}; unpack it first")
    if start[257:262] == b"ustar":
        raise SourceError(path, "is a tar archive; unpack it first")
    if start.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        raise SourceError(path, "is UTF-32 text; save it as UTF-8 (iconv -f UTF-32 -t UTF-8 OLD > NEW)")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or _alternates(start[:200]):
        raise SourceError(path, "is UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8 OLD > NEW)")
    if len(start) - len(start.translate(None, _CONTROLS)) > 8 + len(start) // 33:
        raise SourceError(path, "is not a text file")


def _alternates(start: bytes) -> bool:
    """Whether every other byte is mostly zero, and the rest mostly not: Latin text in UTF-16 without a mark."""
    even, odd = start[::2], start[1::2]
    most, least = max(even.count(0), odd.count(0)), min(even.count(0), odd.count(0))
    return len(start) > 3 and most * 3 > len(odd) * 2 and least * 8 < len(odd)
