"""A training process from its first record to its exit code. Imports nothing heavy before it has said that it will."""

from __future__ import annotations

import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tuitune.engine.journal.report import Report
from tuitune.engine.process.environment import heavy_imports, prepare_environment
from tuitune.engine.process.failures import cause_of, explain
from tuitune.engine.process.request_pipe import RequestPipe
from tuitune.engine.process.stop import Stopped, StopSwitch
from tuitune.runs.store.directory import Run

_PAST = {"finished": "finished", "failed": "failed", "stopped": "been stopped", "paused": "been paused"}
EXIT_CODES = {"finished": 0, "failed": 1, "stopped": 3, "paused": 4}


@dataclass(frozen=True)
class WorkerEnd:
    """How a run ended, why (a sentence, None for finished), and the cause of it where programs act on that."""

    outcome: str
    reason: str | None = None
    cause: str | None = None


def carry_out(directory: Path, *, listen: bool = False) -> int:
    """Train the run in `directory`; the exit code is 0 for finished, 1 failed, 3 stopped and 4 paused.

    With `listen`, requests come as JSON lines on standard input. The traceback of a failure is in the log alone.
    """
    run = Run(directory.absolute())
    pipe = RequestPipe(0 if listen else None)
    with StopSwitch() as stop:
        report = Report(run)
        end = _carried_out(run, report, stop, pipe)
        stop.settle()
        try:
            _answer_the_rest(pipe, report, end)
            report.end(end.outcome, end.reason, end.cause)
        except OSError:
            with suppress(OSError):
                traceback.print_exc()
            return EXIT_CODES["failed"]
    return EXIT_CODES[end.outcome]


def _carried_out(run: Run, report: Report, stop: StopSwitch, pipe: RequestPipe) -> WorkerEnd:
    try:
        report.phase("importing", "importing torch, transformers, peft and trl")
        prepare_environment()
        with heavy_imports():
            from tuitune.engine.train import train
        stop.open()  # not before: `Stopped` may be swallowed within an import, and in torch's own C++ it is an abort
        outcome = train(run, report, stop, pipe)
    except Stopped:
        return _interrupted(report, stop, pipe)
    except Exception as error:
        stop.defer()
        with suppress(OSError):
            traceback.print_exc()
        return WorkerEnd("failed", explain(error), cause_of(error))
    return WorkerEnd(outcome, *(report.why or (None, None)))


def _interrupted(report: Report, stop: StopSwitch, pipe: RequestPipe) -> WorkerEnd:
    """Stopped where nothing more was saved: before the first step of this process, or at once on a second signal."""
    kept = "there is no adapter" if report.saved is None else f"the checkpoint of step {report.saved:,} is kept"
    if stop.urgent:
        return WorkerEnd("stopped", f"ended at once on a second request, after step {report.step:,}; {kept}")
    pipe.poll()
    when = "resumed" if report.step else "began"
    if any(request.verb == "pause" for request in pipe.unanswered.values()):
        return WorkerEnd("paused", f"paused before training {when}" + (f"; {kept}" if report.saved else ""))
    return WorkerEnd("stopped", f"stopped on request before training {when}; {kept}")


def _answer_the_rest(pipe: RequestPipe, report: Report, end: WorkerEnd) -> None:
    """Requests that come to their end with the run: it has come to what they wanted, or it is too late for them."""
    pipe.poll()
    for request in list(pipe.unanswered.values()):
        came = (request.verb, end.outcome) in (("pause", "paused"), ("stop", "stopped"))
        said = (end.reason or end.outcome) if came else f"too late: the run had {_PAST[end.outcome]}"
        report.done(request.nonce, request.verb, came, said)
        pipe.answered(request)
