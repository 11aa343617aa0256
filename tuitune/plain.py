"""Files that somebody else made: a pipe, a socket or a device in the place of one is never waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def opened(path: Path | str, flags: int = os.O_RDONLY, *, links: bool = True, directory: int | None = None) -> int:
    """A descriptor of a plain file, mode 0600 where it is created; OSError where there is something else, or, without
    `links`, a link in its place.
    """
    held = flags | os.O_CLOEXEC | os.O_NONBLOCK | (0 if links else os.O_NOFOLLOW)
    try:
        fd = os.open(path, held, 0o600, dir_fd=directory)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EILSEQ, "no file has such a name", str(path)) from error
    except OSError as error:
        what = {errno.ELOOP: "a link, not a plain file", errno.ENXIO: "not a plain file"}.get(error.errno or 0)
        raise OSError(error.errno, what or error.strerror, str(path)) from error
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        number, what = (errno.EISDIR, "a folder") if stat.S_ISDIR(mode) else (errno.EINVAL, "not a plain file")
        raise OSError(number, what, str(path))
    return fd


def read(path: Path | str, limit: int, *, links: bool = True, directory: int | None = None) -> bytes:
    """The content of a plain file, as `opened` finds it; OSError also where it is longer than `limit` bytes."""
    with open(opened(path, links=links, directory=directory), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"longer than {limit} bytes", str(path))
    return content


def head(path: Path | str, size: int) -> bytes:
    """The first `size` bytes of a plain file, or all of a shorter one. OSError as `opened`."""
    with open(opened(path), "rb") as file:
        return file.read(size)


def stat_of(path: Path) -> os.stat_result | None:
    """What the system tells of a file; None where it tells nothing."""
    try:
        return path.stat()
    except (OSError, ValueError):
        return None
