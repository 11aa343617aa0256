"""Files of a run directory, opened so that a planted symlink, FIFO or hard link leads nowhere and never hangs."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tuitune import plain

_DRAFT = re.compile(r"\..+\.(?:json|toml)\.(\d+)")
"""The name of a file that is being written whole, with the writer's pid."""


def open_regular(path: Path | str, flags: int, *, directory: int | None = None) -> int:
    """Open a regular file, itself and not what a link points to, mode 0600 when created; OSError where it is not one.

    A file that is written must have no second name: a hard link would carry the write elsewhere.
    """
    fd = plain.opened(path, flags, links=False, directory=directory)
    if flags & (os.O_WRONLY | os.O_RDWR) and os.fstat(fd).st_nlink > 1:
        os.close(fd)
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    return fd


@contextmanager
def opened(path: Path | str, flags: int = os.O_RDONLY) -> Iterator[int]:
    """The descriptor of such a file, within the block."""
    fd = open_regular(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


def is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def stamp(path: Path) -> list[int]:
    """Inode, size and time of the last change, which change whenever the file does; zeros where it is not there."""
    try:
        found = path.lstat()
    except OSError:
        return [0, 0, 0]
    return [found.st_ino, found.st_size, found.st_mtime_ns]


def read_bytes(path: Path | str, limit: int, *, directory: int | None = None) -> bytes:
    """The file's content; OSError where it is longer than `limit` bytes."""
    return plain.read(path, limit, links=False, directory=directory)


def write_all(fd: int, content: bytes) -> None:
    """Write everything, in one system call where the file system takes it in one."""
    while content:
        content = content[os.write(fd, content) :]


def write_new(path: Path, content: bytes) -> None:
    """Create a file that must not exist yet, on disk when this returns."""
    with opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as fd:
        write_all(fd, content)
        os.fsync(fd)


def write_whole(path: Path, content: bytes) -> None:
    """Create or replace a file in one step: a reader sees the old content or the new, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        write_new(draft, content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def clear_drafts(folder: Path) -> None:
    """Remove what processes that are gone left when they were killed in `write_whole`."""
    for path in () if folder.is_symlink() else folder.glob(".*"):
        draft = _DRAFT.fullmatch(path.name)
        if draft and not Path("/proc", draft[1]).exists():
            path.unlink(missing_ok=True)


def sync_directory(folder: Path) -> None:
    """Have the names in `folder` on disk: what was renamed or created there survives a power failure."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def tail(path: Path, size: int) -> bytes:
    """The last `size` bytes of a file, or all of a shorter one; nothing where it cannot be read."""
    with suppress(OSError), opened(path) as fd:
        return os.pread(fd, size, max(0, os.fstat(fd).st_size - size))
    return b""
