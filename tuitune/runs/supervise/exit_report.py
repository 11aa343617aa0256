"""How an engine ended and why, from what it left behind: SIGKILL, a segfault and the OOM killer leave no traceback."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tuitune.hardware.host import out_of_room
from tuitune.runs.read.state import State, last_words
from tuitune.runs.store import journal
from tuitune.runs.store.directory import Run
from tuitune.runs.store.records.training import End, Phase

EXIT_CODES: dict[int | None, State] = {0: "finished", 1: "failed", 3: "stopped", 4: "paused"}
"""What the engine means by its exit code; any other, and any signal, is a crash."""

Asked = Literal["", "stop", "pause", "kill"]

_KILLED = 128 + signal.SIGKILL
_CGROUPS = Path("/sys/fs/cgroup")
_DISK_FULL = "the disk is full: free some space, or point TUITUNE_HOME at another disk, then resume"
_DISK_FULL_WORDS = ("No space left on device", "Errno 28", "Disk quota exceeded", "Errno 122")
_WORKER_KILLED = "signal: Killed"

_GPU_MEMORY = re.compile(
    r"(CUDA|HIP) out of memory"
    r"|(CUDA|HIP)( driver)? error: out of memory"
    r"|Triton Error \[(CUDA|HIP)\]: out of memory"
    r"|(CUDA|HIP)_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation"
    r"|\bCU[A-Z]+_STATUS_ALLOC_FAILED"
    r"|CUBLAS_STATUS_NOT_INITIALIZED"  # what making a handle gives where no memory is left for its workspace
    r"|Failed to CUDA calloc"  # NCCL
    r"|NVML_SUCCESS == r INTERNAL ASSERT FAILED"  # torch's allocator, while it words its own error
    r"|Error out of memory at line \d+ in file"  # bitsandbytes' native code, which then exits with code 1
)
_HOST_MEMORY = re.compile(r"can't allocate memory|Cannot allocate memory|std::bad_alloc")
"""Texts by which libraries and native code say that memory ran out."""


@dataclass(frozen=True)
class EngineExit:
    """An exit code, or the name of the signal that ended the process."""

    code: int | None
    signal: str | None

    @classmethod
    def of(cls, returncode: int) -> EngineExit:
        """From a `Popen.returncode`, which is negative for a signal."""
        name = next((known.name for known in signal.Signals if known == -returncode), f"signal {-returncode}")
        return cls(returncode, None) if returncode >= 0 else cls(None, name)

    @property
    def killed(self) -> bool:
        return self.signal == "SIGKILL" or self.code == _KILLED


@dataclass(frozen=True)
class ExitReport:
    """The state that an engine left the run in, the reason in words, and whether memory ran out."""

    state: State
    reason: str
    out_of_memory: bool = False


def exit_report(
    run: Run, exit: EngineExit, *, asked: Asked = "", oom_killed: bool = False, xids: Sequence[str] = (), after: int = 0
) -> ExitReport:
    """How the run stands after its engine has exited; `asked`: what it was asked to do; `oom_killed`: the out-of-memory
    killer was at work meanwhile; `xids`: the GPU errors in the kernel's log; `after`: the last record before it.

    "finished" needs both the exit code and the engine's own word: whatever else was asked or reported wins over it.
    """
    end = _own_word(run, after)
    reason = end.reason or ""
    state = EXIT_CODES.get(exit.code, "crashed")
    if state == "finished" and end.outcome != "finished":
        state = next((known for known in EXIT_CODES.values() if known == end.outcome), "crashed")
    if as_asked := _as_asked(run, exit, asked, end.outcome):
        return ExitReport(as_asked[0], reason or as_asked[1])
    if state == "stopped" and asked == "pause" and end.cause != "limit":
        state = "paused"
    if state in ("finished", "stopped", "paused"):
        return ExitReport(state, reason)
    if not reason and exit.code == 1 and out_of_room(run.path):
        return ExitReport(state, _DISK_FULL)
    told = reason or _told(run, exit, oom_killed, xids)
    out_of_memory = (
        end.cause == "out-of-memory"
        or (not reason and memory_that_ran_out(last_words(run)) is not None)
        or (oom_killed and (exit.killed or _WORKER_KILLED in told + last_words(run)))
    )
    return ExitReport(state, f"disk full: {told}" if _disk_full(run, told) else told, out_of_memory)


def memory_that_ran_out(text: str) -> Literal["the GPU", "this machine"] | None:
    """Which memory was used up, by what an error or the last line of a log says; None where it says nothing of it."""
    if _GPU_MEMORY.search(text):
        return "the GPU"
    return "this machine" if _HOST_MEMORY.search(text) else None


def oom_kills() -> int:
    """How many processes the out-of-memory killer has ended in this process's control group so far, or on this machine
    where the group does not tell. Only the difference between two readings means something.
    """
    for counter in (*_cgroup_counters(), Path("/proc/vmstat")):
        with suppress(OSError):
            if found := re.search(r"^oom_kill (\d+)$", counter.read_text(), re.MULTILINE):
                return int(found[1])
    return 0


def _cgroup_counters() -> Iterator[Path]:
    """The files that count for this control group: memory.events (cgroup 2) or memory.oom_control (cgroup 1). Inside a
    container the group may be seen at the root instead of at its name.
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


def _own_word(run: Run, after: int) -> End:
    """The engine's own word on how it ended; an empty one where the last is from before it."""
    end = journal.last(run.metrics_file, End) or End()
    return end if end.seq is None or end.seq > after else End()


def _as_asked(run: Run, exit: EngineExit, asked: Asked, outcome: str) -> tuple[State, str] | None:
    """The state and reason of an engine that a signal of ours ended before it could end well itself."""
    if asked == "kill" and (exit.signal == "SIGTERM" or exit.killed or (exit.code == 1 and outcome != "finished")):
        return "stopped", f"killed on request while {_activity(run)}"
    if asked in ("stop", "pause") and exit.signal == "SIGTERM" and outcome in ("", "stopped", "paused"):
        state: State = "paused" if asked == "pause" else "stopped"
        return state, f"{state} while {_activity(run)}"
    return None


def _told(run: Run, exit: EngineExit, oom_killed: bool, xids: Sequence[str]) -> str:
    words = last_words(run)
    if place := memory_that_ran_out(words):
        how = f"{place} ran out of memory"
    elif oom_killed and exit.killed:
        how = "out of memory: the kernel killed the engine"
    elif exit.signal:
        how = f"the engine was killed by {exit.signal}"
    elif exit.code == 0:
        how = "the engine ended for an unknown reason"
    elif exit.code == 1 and words and not xids:
        return words
    else:
        how = f"the engine ended with exit code {exit.code}"
    known = [how, *xids[:2]]
    if words:
        known.append(f"last output: {words}")
    return "; ".join(known)


def _activity(run: Run) -> str:
    """What the engine was last about to do, in its own words."""
    return (journal.last(run.metrics_file, Phase) or Phase()).text or "starting"


def _disk_full(run: Run, told: str) -> bool:
    """Whether the disk is to blame and `told` does not say so yet."""
    said = "disk" in told and "full" in told
    return not said and (any(words in told for words in _DISK_FULL_WORDS) or out_of_room(run.path))
