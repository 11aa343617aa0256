"""The control groups of this process, and the memory that they allow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_NO_LIMIT = 1 << 60
"""cgroup v1 writes "no limit" as a number of about this size."""


def cgroup_paths(root: Path = Path("/")) -> dict[str, str]:
    """Controller → this process's path in its hierarchy; "" is the unified one (cgroup v2). Empty where unknown."""
    try:
        lines = (root / "proc/self/cgroup").read_text(errors="replace").splitlines()
    except OSError:
        return {}
    parts = [line.split(":", 2) for line in lines]
    return {kind: path for _, kinds, path in (part for part in parts if len(part) == 3) for kind in kinds.split(",")}


@dataclass(frozen=True)
class MemoryLimit:
    """A limit on the memory of a group of processes, in bytes; `used` leaves out idle cache, which the kernel drops."""

    limit: int
    used: int


def memory_limits(groups: Mapping[str, str], root: Path = Path("/")) -> list[MemoryLimit]:
    """The limits of the groups that this process is in, up to the top.

    Inside a container its path may be that of the host; the top is then the container's own group.
    """
    mounted = root / "sys/fs/cgroup"
    first = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    versions = (
        (groups.get(""), mounted, ("memory.max", "memory.current", "inactive_file")),
        (groups.get("memory"), mounted / "memory", first),
    )
    found = []
    for path, top, (limit, used, idle) in versions:
        if path is None:
            continue
        folder = top / path.strip("/")
        for group in (folder, *folder.parents):
            most = _number(group / limit) if group.is_relative_to(top) else None
            if most is not None and most < _NO_LIMIT:
                in_use = (_number(group / used) or 0) - _idle(group / "memory.stat", idle)
                found.append(MemoryLimit(most, max(0, in_use)))
    return found


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _idle(file: Path, name: str) -> int:
    try:
        lines = file.read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)
    except (OSError, ValueError, IndexError):
        return 0
