"""The machine around the GPUs: processors, memory, disk, and what a process tree uses of it."""

from __future__ import annotations

import itertools
import os
import platform
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tuitune.hardware.cgroups import cgroup_paths, memory_limits

_cpu_readings = itertools.count()


@dataclass(frozen=True)
class Host:
    """This machine now. Memory in bytes, within the limits of a container, job or session."""

    cpu_count: int
    cpu_percent: float | None
    """Since the last look; None at the first."""
    memory_total: int
    memory_available: int
    hostname: str


_NO_ROOM = 1 << 20  # bytes


def host(root: Path = Path("/")) -> Host:
    """Read the machine once, its control groups under `root`; cheap enough for once a second."""
    import psutil

    memory = psutil.virtual_memory()
    percent = psutil.cpu_percent()
    limits = memory_limits(cgroup_paths(root), root)
    total = min([memory.total, *(group.limit for group in limits)])
    available = min([memory.available, *(max(0, group.limit - group.used) for group in limits)])
    return Host(
        cpu_count=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        cpu_percent=percent if next(_cpu_readings) else None,
        memory_total=total,
        memory_available=available,
        hostname=platform.node(),
    )


def process_memory(pid: int) -> int | None:
    """Resident bytes of a process and all its descendants; None where there is no such process to look at."""
    import psutil

    try:
        root = psutil.Process(pid)
        total: int = root.memory_info().rss
        family = root.children(recursive=True)
    except (psutil.Error, OSError, ValueError):
        return None
    for child in family:
        try:
            total += child.memory_info().rss
        except psutil.Error:
            continue
    return total


def nearest(path: Path) -> Path:
    """The path, or the folder in which it would be made. OSError where that cannot be told."""
    for place in (path, *path.absolute().parents):
        with suppress(FileNotFoundError):
            place.stat()
            return place
    raise FileNotFoundError(path)


def disk_free(path: Path) -> int | None:
    """Bytes that this user may still write where `path` lies or would be made; None where that cannot be told."""
    try:
        return shutil.disk_usage(nearest(path)).free
    except OSError:
        return None


def out_of_room(path: Path) -> bool:
    """Whether so little may still be written where `path` lies that writing anything is about to fail."""
    free = disk_free(path)
    return free is not None and free < _NO_ROOM
