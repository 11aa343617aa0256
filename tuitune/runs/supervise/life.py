"""One life of a run: waiting for a device, the engine at work, and how it ended."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from tuitune import __version__
from tuitune.problem import TuituneError
from tuitune.runs.queue import waiting_list
from tuitune.runs.store import files, identity, journal
from tuitune.runs.store.directory import Run, read_recipe
from tuitune.runs.store.events import EventLog
from tuitune.runs.store.records.lifecycle import Ended, EngineStarted, Exited, Slot, Supervisor
from tuitune.runs.supervise.context import SupervisorContext
from tuitune.runs.supervise.engine_process import EngineProcess, engine_command
from tuitune.runs.supervise.engine_progress import EngineProgress
from tuitune.runs.supervise.exit_report import Asked, EngineExit, ExitReport, exit_report, oom_kills
from tuitune.runs.supervise.kernel_log import KernelLog
from tuitune.runs.supervise.watch import Watch
from tuitune.text import redact

if TYPE_CHECKING:
    from tuitune.runs.queue.slots import SlotHolder


class Life:
    """A life of `run`, begun: old requests are refused, it has its place in the queue, and the first event is written.
    The lease must be held.
    """

    def __init__(self, run: Run, events: EventLog, command: Sequence[str] | None) -> None:
        self._run = run
        self._events = events
        self._command = command or engine_command(run)
        self._began = time.monotonic()
        self._progress = EngineProgress(run)
        with suppress(OSError):
            run.control.mkdir(mode=0o700)
        self._context = SupervisorContext(run, events)
        before = journal.last(run.events_file, Supervisor)
        if before is not None:
            self._context.inbox.turn_away("the request was for an earlier life of this run")
        process = identity.current()
        me = process.as_record()
        files.write_whole(run.owner_file, json.dumps(me).encode())
        waiting_list.enter(run, process)
        number = 1 if before is None else max(before.life or 1, 1) + 1
        events.append(Supervisor(identity=me, tuitune=__version__, life=number, resumes=number > 1))

    def see_through(self, changes: Mapping[str, Any]) -> None:
        """Live to the last event, with `changes` to the recipe."""
        held = self._prepare(changes)
        if isinstance(held, ExitReport):
            ending = held
        else:
            with held:
                self._events.append(Slot(device=held.slot.device, label=held.slot.label))
                ending = self._train(held.slot.environment)
        self._context.inbox.turn_away("the run had already ended")
        seconds = round(time.monotonic() - self._began, 3)
        self._events.append(Ended(state=ending.state, reason=redact(ending.reason), seconds=seconds))
        if ending.state != "paused":
            facts = {"state": ending.state, "reason": redact(ending.reason), "step": self._progress.step}
            self._context.notices.say("ended", facts, last=True)
        self._context.notices.settle()
        self._events.close()

    def part(self) -> None:
        """After the lease is given up: keep what lists show of the run, and wait for notifications that still run."""
        from tuitune.runs.read import glance

        glance.look(self._run)
        self._context.notices.wait()

    def _prepare(self, changes: Mapping[str, Any]) -> SlotHolder | ExitReport:
        """Make the changes and wait for a device; or how the run ended before it had one."""
        from tuitune.runs.supervise.waiting import await_device

        try:
            if changes:
                self._context.amend(changes, "resume")
            recipe = read_recipe(self._run)
            self._context.notices.command = recipe.run.notify
            return await_device(self._context, recipe)
        except (TuituneError, OSError) as error:
            waiting_list.leave(self._run)
            return ExitReport("failed", str(error))

    def _train(self, environment: Mapping[str, str]) -> ExitReport:
        """Run engines until one ends otherwise than out of memory, or there is no other try."""
        from tuitune.runs.supervise import retry

        while True:
            ending, asked = self._run_engine(environment)
            if asked or not ending.out_of_memory:
                return ending
            refused = retry.prepare(self._context, journal.last_seq(self._run.metrics_file))
            if refused is not None:
                return ExitReport(ending.state, ending.reason + refused)

    def _run_engine(self, environment: Mapping[str, str]) -> tuple[ExitReport, Asked]:
        """How an engine ended, and what it was last asked to do."""
        self._progress.catch_up()
        after, kills_before = journal.last_seq(self._run.metrics_file), oom_kills()
        with closing(KernelLog()) as kernel_log:
            try:
                engine = EngineProcess(self._run, self._command, environment)
            except (OSError, subprocess.SubprocessError) as error:
                return ExitReport("failed", f"the engine could not be started: {error}"), ""
            who = engine.identity
            self._events.append(EngineStarted(identity=who.as_record() if who else None, after=after))
            watch = Watch(self._context, engine, self._progress, after)
            gone = EngineExit.of(watch.until_gone())
            self._events.append(Exited(code=gone.code, signal=gone.signal))
            xids = kernel_log.xids(who.pid if who else None)
        killed = oom_kills() > kills_before
        return exit_report(self._run, gone, asked=watch.asked, oom_killed=killed, xids=xids, after=after), watch.asked
