"""Finishing a former life of a run: its engine may still save, its helpers may still run, its last event is missing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tuitune.runs.read.state import judge, read_life
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run
from tuitune.runs.store.events import EventLog
from tuitune.runs.store.identity import Identity
from tuitune.runs.store.records import newest
from tuitune.runs.store.records.lifecycle import Ended, EngineStarted, Supervisor
from tuitune.runs.supervise import kill_escalation
from tuitune.runs.supervise.engine_process import MARK
from tuitune.runs.supervise.engine_progress import EngineProgress


def engine_of(run: Run) -> Identity | None:
    """The engine of the run's last life, dead or alive."""
    started = newest(read_life(run), EngineStarted)
    return Identity.from_record(started and started.identity)


def clear_away(run: Run, engine: Identity) -> bool:
    """Wait for a former life's engine to save and end, then insist, and end what it left behind. Whether it is gone.

    The lease must be held, so that nobody else is at work on the run.
    """
    if identity.alive(engine):
        progress = EngineProgress(run)
        progress.catch_up()
        rungs: list[tuple[float, Callable[[], object]]] = [
            (kill_escalation.patience(progress), lambda: identity.send_signal(engine, signal.SIGTERM)),
            (kill_escalation.GROUP_SECONDS, lambda: identity.signal_group(engine, signal.SIGTERM)),
            (kill_escalation.GROUP_SECONDS, lambda: identity.signal_group(engine, signal.SIGKILL)),
        ]
        for seconds, act in rungs:
            act()
            if _gone_within(engine, seconds):
                break
    _sweep(run, engine)
    return not identity.alive(engine)


def write_missing_end(run: Run, events: EventLog) -> None:
    """Write the last event of a life whose supervisor was killed."""
    life = read_life(run)
    if newest(life, Supervisor) and not newest(life, Ended):
        _, reason = judge(run, life, at_work=False, progress=0)
        events.append(Ended(state="crashed", reason=reason))


def _gone_within(engine: Identity, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while identity.alive(engine):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _sweep(run: Run, engine: Identity) -> None:
    """Kill what a dead engine left in its process group: what was started after it and bears the mark of the run."""
    if engine.boot_id != identity.boot_id() or identity.alive(engine):
        return
    for pid in identity.group_members(engine.pid):
        member = identity.of(pid)
        ours = member is not None and member.uid == os.geteuid() and member.start_ticks >= engine.start_ticks
        if member is not None and ours and _marked(pid, run):
            identity.send_signal(member, signal.SIGKILL)


def _marked(pid: int, run: Run) -> bool:
    try:
        return f"{MARK}={run.id}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
