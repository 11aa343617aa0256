"""The machine around the GPUs: processors, memory, disk, and what a process tree uses of it."""

from __future__ import annotations

import itertools
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

_cpu_readings = itertools.count()
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Host:
    """This machine now. Memory in bytes, within a container's limit; `cpu_percent` since the last look."""

    cpu_count: int
    cpu_percent: float | None
    """None at the first look."""
    memory_total: int
    memory_available: int
    hostname: str


def host() -> Host:
    """Read the machine once; cheap enough for once a second."""
    import psutil

    memory = psutil.virtual_memory()
    percent = psutil.cpu_percent()
    limit, used = _container_memory()
    total = min(memory.total, limit) if limit else memory.total
    available = min(memory.available, max(0, limit - used)) if limit else memory.available
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


def disk_free(path: Path) -> int | None:
    """Bytes that this user may still write where `path` lies or would be made; None where that cannot be told."""
    for place in (path, *path.absolute().parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def _container_memory() -> tuple[int | None, int]:
    """Limit and current use of our control group (cgroup v2), in bytes; no limit outside a container."""
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        return limit, int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):
        return None, 0
