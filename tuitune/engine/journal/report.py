"""What the engine tells the world: the records of `metrics.jsonl` and `samples.jsonl`, and a readable log."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tuitune.engine.journal.resilient_writer import ResilientWriter
from tuitune.objectives import METRICS
from tuitune.runs.store.directory import Run
from tuitune.runs.store.records import training
from tuitune.runs.store.records.line import Line
from tuitune.runs.store.records.samples import Sample, Superseded
from tuitune.text import clean, redact
from tuitune.units import bytes_text, count_text, percent_text

_PROGRESS_INTERVAL = 0.25  # seconds
_LINE_INTERVAL = 5.0  # seconds


class Report:
    """The engine's journal: most methods write a record and a line of log.

    `phase_now` is the phase that was announced last. `step` is the last optimizer step done, `saved` that of the newest
    checkpoint on disk (None where there is none). `why` says why the run ends, where that is decided before its end: a
    sentence for a person, and the cause that the end record names.
    """

    def __init__(self, run: Run) -> None:
        self._metrics = ResilientWriter(run.metrics_file, self._not_synced)
        self._samples = ResilientWriter(run.samples_file, self._not_synced)
        self._disk_fails = False
        self._last_progress = 0.0
        self._last_line = 0.0
        self.phase_now = ""
        self.step = 0
        self.saved: int | None = None
        self.why: tuple[str, str | None] | None = None

    def phase(self, slug: str, text: str) -> None:
        """Announce what is about to happen, before it does."""
        self.phase_now, self._last_line, text = slug, time.monotonic(), redact(text)
        self.write(training.Phase(phase=slug, text=text))
        say(text)

    def progress(self, slug: str, text: str, done: int, total: int | None, unit: str) -> None:
        """How far the phase is; at most four records a second and the last, and a line of log every five seconds."""
        now = time.monotonic()
        if now - self._last_progress < _PROGRESS_INTERVAL and done != total:
            return
        self._last_progress, text = now, redact(text)
        self.write(training.Phase(phase=slug, text=text, done=done, total=total, unit=unit))
        if now - self._last_line < _LINE_INTERVAL:
            return
        self._last_line = now
        show = bytes_text if unit == "bytes" else count_text
        say(f"{text}: {show(done)}" + (f" of {show(total)}" if total else ""))

    def resumed(
        self, step: int, checkpoint: Path | None, reasons: Sequence[str], skipped: Sequence[tuple[Path, str]]
    ) -> None:
        """The run goes on from `step`: what was recorded for later steps is superseded.

        `reasons` say why it does not go on exactly as it would have; `skipped` are checkpoints that cannot be used.
        """
        self.step, self.saved = step, None if checkpoint is None else step
        where: dict[str, Any] = {"step": step, "checkpoint": None if checkpoint is None else str(checkpoint)}
        passed_over = [{"path": str(path), "reason": reason} for path, reason in skipped]
        self.write(training.Resumed(**where, exact=not reasons, reasons=list(reasons), skipped=passed_over))
        self._samples.append(**Superseded(step=step).body())
        how = "approximately: " + "; ".join(reasons) if reasons else "exactly as it was"
        say(f"resumed after step {step:,}, {how}" if step else "starting over")
        for path, reason in skipped:
            say(f"not used: {path.name}: {reason}")

    def trained(self, **figures: Any) -> None:
        """One training record; `loss` may be null (see the journal) where it is not finite."""
        self._metrics.append(kind=training.Step.kind, **figures)
        told = [metric.key for metric in METRICS.values() if not metric.unit and figures.get(metric.key) is not None]
        shown = "  ".join(f"{key} {figures[key]:.3g}" for key in told)
        say(f"step {figures['step']:,}  {shown}")

    def evaluated(self, evaluation: training.Evaluation) -> None:
        self.write(evaluation)
        told = evaluation.extra if evaluation.perplexity is None else {"perplexity": evaluation.perplexity}
        figures = "  ".join(f"{key} {value:.4g}" for key, value in told.items())
        say(f"held-out ({evaluation.label})  loss {evaluation.loss:.4f}  {figures}")

    def answered(self, answered: training.Answered) -> None:
        self.write(answered)
        valid = "" if answered.valid_json is None else f"  valid JSON {percent_text(answered.valid_json)}"
        say(f"answers ({answered.label})  exact {percent_text(answered.exact)}{valid}")

    def sample(self, sample: Sample) -> None:
        self._samples.append(**sample.body())

    def checkpoint(self, path: Path, size: int, seconds: float, healthy: bool) -> None:
        """A checkpoint of `step` is on disk, of `size` bytes; saving it took `seconds`."""
        self.saved = self.step
        saved = training.Saved(step=self.step, path=str(path), bytes=size, seconds=round(seconds, 3), healthy=healthy)
        self.write(saved, sync=True)
        say(f"checkpoint {path.name}: {bytes_text(size)} in {seconds:.1f} s" + ("" if healthy else ", not healthy"))

    def tuned(self, nonce: str, changes: Mapping[str, Any]) -> None:
        """Settings were changed at the request `nonce`, from the next step on."""
        self.write(training.Tuned(nonce=nonce, step=self.step, changes=dict(changes)), sync=True)
        say(f"from step {self.step + 1:,} on: " + ", ".join(f"{key} = {value}" for key, value in changes.items()))

    def done(self, nonce: str, verb: str, ok: bool, message: str) -> None:
        """A request was carried out, or could not be: `message` says what came of it."""
        message = redact(message)
        self.write(training.Done(nonce=nonce, verb=verb, ok=ok, message=message, step=self.step))
        say(f"{verb}: {message}")

    def alert(self, id: str, level: str, message: str) -> None:
        """Something that a person should know; `level` is "info", "warning" or "error"."""
        message = redact(message)
        self.write(training.Alert(id=id, level=level, message=message, step=self.step))
        say(f"{level}: {message}")

    def because(self, reason: str, cause: str | None = None) -> None:
        """Remember why the run ends, for the end record."""
        self.why = (redact(reason), cause)

    def end(self, outcome: str, reason: str | None, cause: str | None = None) -> None:
        """The last record; waits for room on a full disk. OSError where it, or one before it, cannot be written."""
        reason = None if reason is None else redact(reason)
        say(outcome if reason is None else f"{outcome}: {reason}")
        self.write(training.End(outcome=outcome, reason=reason, step=self.step, cause=cause))
        self._samples.settle()
        self._metrics.settle()

    def write(self, line: Line, *, sync: bool = False) -> None:
        """Write a record as it is, without a line of log."""
        self._metrics.append(**line.body(), sync=sync)

    def _not_synced(self, error: OSError) -> None:
        """Say once that the disk fails to confirm what was written."""
        if not self._disk_fails:
            self._disk_fails = True
            found = f"the disk reports an error ({error.strerror}): the newest records may be lost if the power fails"
            self.alert("disk-errors", "warning", f"{found}. Training continues; check the disk")


def say(text: str) -> None:
    """A line for the log; lost where the log cannot be written."""
    with suppress(OSError):
        print(f"[tuitune] {clean(redact(text))}", flush=True)
