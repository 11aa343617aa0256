"""The lease: whoever holds the lock on a run's lease file supervises the run; it is free once its holder is dead."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from tuitune.runs.store import files
from tuitune.runs.store.directory import Run

_PATIENCE = 2.0


@contextmanager
def hold(run: Run) -> Iterator[bool]:
    """Hold the run's lease within the block; the block is given False where another process holds it.

    Waits up to two seconds: a viewer that looks whether the lease is free holds it for an instant, and a supervisor
    whose run has ended for up to a second. OSError where the lease is a link or no plain file, or cannot be written.
    """
    _check(run)
    lock = FileLock(run.lease_file, mode=0o600)
    with suppress(Timeout):
        lock.acquire(timeout=_PATIENCE)
    try:
        yield lock.is_locked
    finally:
        lock.release()


def _check(run: Run) -> None:
    """The lock truncates what it opens, so what it opens must be the lease and nothing else."""
    with suppress(FileNotFoundError):
        os.close(files.open_regular(run.lease_file, os.O_WRONLY))


def held(run: Run) -> bool:
    """Whether a process holds the lease, here or wherever the file system shares locks; False where nobody can tell."""
    try:
        fd = files.open_regular(run.lease_file, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
