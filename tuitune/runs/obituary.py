"""How an engine ended and why, from what it left behind: SIGKILL, a segfault and the OOM killer leave no traceback."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tuitune.runs import journal
from tuitune.runs.directory import Run
from tuitune.runs.state import State, last_words

EXIT_CODES: dict[int | None, State] = {0: "finished", 1: "failed", 3: "stopped"}
"""What the engine means by its exit code; any other, and any signal, is a crash."""

_KILLED = 128 + signal.SIGKILL
_CGROUPS = Path("/sys/fs/cgroup")
_FULL = 1 << 20
_DISK_FULL_WORDS = ("No space left on device", "Errno 28", "Disk quota exceeded", "Errno 122")


@dataclass(frozen=True)
class Exit:
    """An exit code, or the name of the signal that ended the process."""

    code: int | None
    signal: str | None

    @classmethod
    def of(cls, returncode: int) -> Exit:
        """From a `Popen.returncode`, which is negative for a signal."""
        return cls(returncode, None) if returncode >= 0 else cls(None, _signal_name(-returncode))


def obituary(run: Run, exit: Exit, *, stop_requested: bool, out_of_memory: bool) -> tuple[State, str]:
    """The state that the run ended in, and the reason in words.

    "finished" needs both the exit code and the engine's own word: whatever else was asked or reported wins over it.
    """
    end = journal.last(run.metrics_file, "end") or {}
    outcome, reason = end.get("outcome"), str(end.get("reason") or "")
    state = EXIT_CODES.get(exit.code, "crashed")
    if state == "finished" and outcome != "finished":
        state = outcome if outcome in ("stopped", "failed") else "crashed"
    if exit.signal == "SIGTERM" and stop_requested and outcome in (None, "stopped"):
        state, reason = "stopped", reason or f"stopped while {_activity(run)}"
    if state in ("finished", "stopped"):
        return state, reason
    told = reason or _told(run, exit, out_of_memory)
    return state, f"disk full: {told}" if _disk_full(run, told) else told


def oom_kills() -> int:
    """How many processes the out-of-memory killer has ended in this process's control group so far, or on this machine
    where the group does not tell. Only the difference between two readings means something.
    """
    for counter in (*_cgroup_counters(), Path("/proc/vmstat")):
        try:
            lines = counter.read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def _cgroup_counters() -> Iterator[Path]:
    """The files that count for this control group: memory.events (cgroup 2) or memory.oom_control (cgroup 1).

    Inside a container the group may be seen at the root instead of at its name.
    """
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in groups:
        _, controllers, name = line.split(":", 2)
        if not controllers:
            root, counter = _CGROUPS, "memory.events"
        elif "memory" in controllers.split(","):
            root, counter = _CGROUPS / "memory", "memory.oom_control"
        else:
            continue
        yield root / name.lstrip("/") / counter
        yield root / counter


def _told(run: Run, exit: Exit, out_of_memory: bool) -> str:
    words = last_words(run)
    if out_of_memory and (exit.signal == "SIGKILL" or exit.code == _KILLED):
        how = "out of memory: the kernel killed the engine"
    elif exit.signal:
        how = f"the engine was killed by {exit.signal}"
    elif exit.code == 0:
        how = "the engine ended without saying how"
    elif exit.code == 1 and words:
        return words
    else:
        how = f"the engine ended with exit code {exit.code}"
    return f"{how}; last output: {words}" if words else how


def _activity(run: Run) -> str:
    """What the engine was last about to do, in its own words."""
    return str((journal.last(run.metrics_file, "phase") or {}).get("text") or "starting")


def _disk_full(run: Run, told: str) -> bool:
    """Whether the disk is to blame and `told` does not say so yet."""
    if "disk" in told and "full" in told:
        return False
    if any(words in told for words in _DISK_FULL_WORDS):
        return True
    try:
        disk = os.statvfs(run.path)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _FULL


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
