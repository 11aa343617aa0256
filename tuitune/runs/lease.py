"""The lease: whoever holds the lock on a run's lease file supervises the run; it is free once its holder is dead."""

from __future__ import annotations

import fcntl
import os

from filelock import FileLock, Timeout

from tuitune.runs import files
from tuitune.runs.directory import Run

_PATIENCE = 2.0


def take(run: Run) -> FileLock | None:
    """Hold the run's lease until it is released or this process ends; None where another process holds it.

    Waits up to two seconds, because a viewer that looks whether the lease is free holds it for an instant.
    """
    lease = FileLock(run.lease_file, mode=0o600)
    try:
        lease.acquire(timeout=_PATIENCE)
    except Timeout:
        return None
    return lease


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
