"""Locks, which are free once their holder is dead. Whoever holds the one on a run's lease file supervises the run."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tuitune import paths
from tuitune.runs.store import files
from tuitune.runs.store.directory import Run

_PATIENCE = 2.0


@contextmanager
def hold(run: Run) -> Iterator[bool]:
    """Hold the run's lease within the block; the block is given False where another process holds it.

    Waits up to two seconds: a viewer that looks whether the lease is free holds it for an instant, and a supervisor
    whose run has ended for up to a second. OSError where the lease is a link or no plain file, or cannot be written.
    """
    with suppress(FileNotFoundError), files.opened(run.lease_file, os.O_WRONLY):
        pass  # the lock truncates what it opens, so that must be the lease and nothing else
    lock = FileLock(run.lease_file, mode=0o600)
    with suppress(Timeout):
        lock.acquire(timeout=_PATIENCE)
    try:
        yield lock.is_locked
    finally:
        lock.release()


def held(run: Run) -> bool:
    """Whether a process holds the lease, here or wherever the file system shares locks; False where nobody can tell."""
    return is_locked(run.lease_file)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock on a file; False where nobody can tell."""
    try:
        with files.opened(path) as fd:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno == errno.EWOULDBLOCK
    return False


@contextmanager
def alone(name: str, seconds: float, refusal: str) -> Iterator[None]:
    """Be the only process of this home within the block that holds the lock `name`; waits up to `seconds`.

    OSError (`refusal`) where another holds it for longer.
    """
    home = paths.private_directory(paths.data_home())
    try:
        with FileLock(home / name, timeout=seconds, mode=0o600):
            yield
    except Timeout:
        raise OSError(errno.EAGAIN, refusal, str(home)) from None
