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
    unified = _Names(mounted, "memory.max", "memory.current", "inactive_file")
    first = _Names(mounted / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    hierarchies = ((unified, groups.get("")), (first, groups.get("memory")))
    folders = [(folder, names) for names, path in hierarchies for folder in _folders(names, path)]
    return [limit for folder, names in folders if (limit := _limit(folder, names))]


@dataclass(frozen=True)
class _Names:
    """Where a version of control groups is mounted, and what it calls limit, use and idle cache."""

    top: Path
    limit: str
    used: str
    idle: str


def _folders(names: _Names, path: str | None) -> list[Path]:
    if path is None:
        return []
    folder = names.top / path.strip("/")
    return [group for group in (folder, *folder.parents) if group.is_relative_to(names.top)]


def _limit(folder: Path, names: _Names) -> MemoryLimit | None:
    limit = _number(folder / names.limit)
    if limit is None or limit >= _NO_LIMIT:
        return None
    used, idle = _number(folder / names.used) or 0, _idle(folder / "memory.stat", names.idle)
    return MemoryLimit(limit, max(0, used - idle))


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
