"""Who a process is: pid, start ticks and boot id together name one process for ever, a pid alone does not.

Signals go through a pidfd, after a look at the start ticks, and never to a pid below 2: `kill(0)`, `kill(-1)` and
`kill(1)` reach far more than one process.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Identity:
    """One process: `start_ticks` is its start in clock ticks since the boot that `boot_id` names.

    ValueError for a pid below 2, which to the kernel is more than one process, or above what a pid can be.
    """

    pid: int
    start_ticks: int
    boot_id: str
    host: str
    uid: int

    def __post_init__(self) -> None:
        if type(self.pid) is not int or not 2 <= self.pid < 2**31:
            raise ValueError(f"{self.pid!r} is not the pid of a process")

    def as_record(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_record(cls, record: object) -> Identity | None:
        """The identity that a JSON object describes; None where a field is missing, of a wrong type or impossible."""
        if not isinstance(record, Mapping):
            return None
        known: dict[str, Any] = {name: record.get(name) for name in cls.__dataclass_fields__}
        right = all(type(value) is (str if name in ("boot_id", "host") else int) for name, value in known.items())
        try:
            return cls(**known) if right else None
        except ValueError:
            return None


def of(pid: int) -> Identity | None:
    """The identity of a process that runs now on this machine; None where there is none."""
    ticks = _start_ticks(pid)
    if ticks is None:
        return None
    try:
        uid = Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None
    return Identity(pid, ticks, boot_id(), host(), uid)


def current() -> Identity:
    """The identity of this process; OSError where /proc is not mounted."""
    mine = of(os.getpid())
    if mine is None:
        raise OSError("cannot read /proc/self/stat: tuitune needs /proc to tell processes apart")
    return mine


def host() -> str:
    return socket.gethostname()


@cache
def boot_id() -> str:
    """The id of this boot of the machine; "" where /proc does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def alive(identity: Identity) -> bool:
    """Whether exactly this process still runs here; a zombie does not."""
    return identity.boot_id == boot_id() and _start_ticks(identity.pid) == identity.start_ticks


def send_signal(identity: Identity, number: signal.Signals) -> bool:
    """Signal exactly this process; False where it is gone, another has its pid, or it is not ours to signal.

    Never this process itself, which no record of others should name.
    """
    if identity.pid == os.getpid():
        return False
    try:
        handle = os.pidfd_open(identity.pid)
    except OSError:
        return False
    try:
        if not alive(identity):
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def signal_group(leader: Identity, number: signal.Signals) -> bool:
    """Signal the process group of exactly this process, which must lead it; False where it does not, or is gone.

    Never the group that this process is in.
    """
    try:
        if os.getpgid(leader.pid) != leader.pid or leader.pid == os.getpgrp() or not alive(leader):
            return False
        os.killpg(leader.pid, number)
    except OSError:
        return False
    return True


def group_members(group: int) -> list[int]:
    """The pids of a process group's members that are not zombies."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [pid for pid in pids if (fields := _stat(pid)) and fields[0] not in "ZX" and int(fields[2]) == group]


def _start_ticks(pid: int) -> int | None:
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state (field 3) on; the name before it may hold anything, so it is cut."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
