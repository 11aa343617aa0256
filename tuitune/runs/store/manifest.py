"""MANIFEST.json: what a saved folder holds, file by file, so that a torn or damaged one is never taken for whole."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any

from tuitune.runs.store import files

NAME = "MANIFEST.json"
VERSION = 1
Manifest = dict[str, Any]

_LIMIT = 1 << 24
_ENTRY = {"size": int, "sha256": str}


def seal(folder: Path, fields: Mapping[str, Any]) -> None:
    """Hash and sync every file of `folder`, then write and sync its manifest: `fields`, the files, and its own hash.

    OSError where something cannot be read or synced, or is neither a file nor a folder; ValueError where a number among
    `fields` is not finite.
    """
    found = {name: _describe(folder, name) for name in sorted(_names(folder))}
    body = json.loads(json.dumps({"v": VERSION, **fields, "files": found}, allow_nan=False))
    text = json.dumps({**body, "digest": _digest(body)}, indent=1)
    files.write_new(folder / NAME, text.encode("ascii"))
    _sync_folders(folder)


def read(folder: Path) -> Manifest | None:
    """The manifest of `folder` as it was written; None where it is missing, damaged or of a later version."""
    try:
        with _directory(folder) as directory:
            manifest = json.loads(files.read_bytes(NAME, _LIMIT, directory=directory))
        digest = manifest.pop("digest")
        whole = manifest["v"] == VERSION and digest == _digest(manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return manifest if whole and _sound(manifest) else None


def check(folder: Path, manifest: Manifest) -> str:
    """What differs between `folder` and its manifest, in words; "" where every file is there as it was saved."""
    for name, entry in manifest["files"].items():
        try:
            found = _describe(folder, name, sync=False)
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
        if found["size"] != entry["size"]:
            return f"{name} is {found['size']:,} bytes long instead of {entry['size']:,}"
        if found != entry:
            return f"{name} differs from what was saved"
    return ""


def size(manifest: Manifest) -> int:
    """Bytes of all files together."""
    return sum(entry["size"] for entry in manifest["files"].values())


def sync(folder: Path) -> None:
    """Have `folder` with everything in it on disk. OSError as `seal`."""
    for name in _names(folder):
        with _opened(folder, name) as file:
            os.fsync(file.fileno())
    _sync_folders(folder)


def _sync_folders(folder: Path) -> None:
    for _, _, _, directory in os.fwalk(folder, topdown=False):
        os.fsync(directory)


def _names(folder: Path) -> Iterator[str]:
    """Paths of all files below `folder`; OSError at a link or anything else that is no plain file or folder."""
    for root, folders, names, directory in os.fwalk(folder):
        base = PurePosixPath(root).relative_to(folder.as_posix())
        for name in (*folders, *names):
            mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                yield str(base / name)
            elif not stat.S_ISDIR(mode):
                raise OSError(f"{base / name} is neither a file nor a folder")


def _describe(folder: Path, name: str, *, sync: bool = True) -> dict[str, Any]:
    """Size and SHA-256 of a file; on disk when this returns, if `sync`."""
    with _opened(folder, name) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if sync:
            os.fsync(file.fileno())
        return {"size": os.fstat(file.fileno()).st_size, "sha256": digest}


def _opened(folder: Path, name: str) -> BufferedReader:
    """A file below `folder`, open for reading; no link is followed on the way to it."""
    path = PurePosixPath(name)
    with _directory(folder, *path.parts[:-1]) as directory:
        return open(files.open_regular(path.name, os.O_RDONLY, directory=directory), "rb")


@contextmanager
def _directory(folder: Path, *parts: str) -> Iterator[int]:
    """A descriptor of a real directory: `folder`, or one below it."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(folder, flags)
    try:
        for part in parts:
            inner = os.open(part, flags, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def _sound(manifest: Manifest) -> bool:
    """Whether the list of files is one: relative names that stay in the folder, each with its size and hash."""
    entries = manifest.get("files")
    return isinstance(entries, dict) and all(
        _stays_inside(name) and isinstance(entry, dict) and {key: type(entry[key]) for key in entry} == _ENTRY
        for name, entry in entries.items()
    )


def _stays_inside(name: str) -> bool:
    """Whether a file can have this name, and be below the folder by it."""
    path = PurePosixPath(name)
    try:
        possible = b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return possible and not path.is_absolute() and name not in ("", ".") and ".." not in path.parts
