"""Who works in a task's folder: a lock that its process holds until it ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

NAME = "lock"
_WHOLE_FILE = struct.Struct("hhqqi")
_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


def take(folder: Path) -> int | None:
    """Take the folder for oneself: the descriptor that holds its lock, or None where a process is at work in it.

    The lock belongs to the open file, so a process that inherits the descriptor holds it on, and looking at it takes
    nothing (Linux, fcntl(2), "Open file description locks").
    """
    while True:
        fd = os.open(folder / NAME, _OPEN, 0o600)
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _request(fcntl.F_WRLCK))
            if _is_still_there(fd, folder / NAME):
                os.ftruncate(fd, 0)  # the process that is named there is gone, and its pid may be another's
                return fd
        except BlockingIOError:
            os.close(fd)
            return None
        os.close(fd)


def name_holder(fd: int, pid: int) -> None:
    """Write down which process holds the lock from now on."""
    os.pwrite(fd, str(pid).encode(), 0)


def holder(folder: Path) -> int | None:
    """The pid of the process at work in the folder, which leads its process group; 0 where it is only being started.

    None where nobody is at work.
    """
    try:
        fd = os.open(folder / NAME, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        found = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _request(fcntl.F_WRLCK))
        if _WHOLE_FILE.unpack(found)[0] == fcntl.F_UNLCK:
            return None
        noted = os.pread(fd, 20, 0)
        return int(noted) if noted.isdigit() and int(noted) >= 2 else 0
    finally:
        os.close(fd)


def _request(kind: int) -> bytes:
    return _WHOLE_FILE.pack(kind, os.SEEK_SET, 0, 0, 0)


def _is_still_there(fd: int, path: Path) -> bool:
    """Whether the locked file is the one that has the name: its folder may have been swept while the lock was taken."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(fd), path.lstat())
    return False
