"""What the engine tells the world: the records of `metrics.jsonl` and `samples.jsonl`, and a readable log."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tuitune.runs.directory import Run
from tuitune.runs.journal import Writer
from tuitune.text import clean, redact
from tuitune.units import bytes_text, count_text

_PROGRESS_INTERVAL = 0.25  # seconds


class Report:
    """The engine's journal: every method writes a record and a line of log. `step` is the last optimizer step done."""

    def __init__(self, run: Run) -> None:
        self._metrics = Writer(run.metrics_file)
        self._samples = Writer(run.samples_file)
        self._last_progress = 0.0
        self.step = 0

    def phase(self, slug: str, text: str) -> None:
        """Announce what is about to happen, before it does."""
        self._metrics.append(kind="phase", phase=slug, text=text, done=None, total=None, unit="")
        _say(text)

    def progress(self, slug: str, text: str, done: int, total: int | None, unit: str) -> None:
        """How far the phase has come; at most four records a second, and always the last one."""
        now = time.monotonic()
        if now - self._last_progress < _PROGRESS_INTERVAL and done != total:
            return
        self._last_progress = now
        self._metrics.append(kind="phase", phase=slug, text=text, done=done, total=total, unit=unit)
        show = bytes_text if unit == "bytes" else count_text
        _say(f"{text}: {show(done)}" + (f" of {show(total)}" if total else ""))

    def plan(self, **figures: Any) -> None:
        self._metrics.append(kind="plan", **figures)

    def trained(self, **figures: Any) -> None:
        """One training record; `loss` may be null (see the journal) where it is not finite."""
        self._metrics.append(kind="step", **figures)
        shown = "  ".join(
            f"{name} {figures[name]:.3g}"
            for name in ("loss", "learning_rate", "grad_norm")
            if figures[name] is not None
        )
        _say(f"step {figures['step']}  {shown}")

    def evaluated(self, **figures: Any) -> None:
        self._metrics.append(kind="eval", **figures)
        _say(f"held-out ({figures['label']})  loss {figures['loss']:.4f}  perplexity {figures['perplexity']:.4g}")

    def answered(self, **figures: Any) -> None:
        self._metrics.append(kind="answers", **figures)
        valid = figures["valid_json"]
        _say(
            f"answers ({figures['label']})  exact {figures['exact']:.0%}"
            + ("" if valid is None else f"  valid JSON {valid:.0%}")
        )

    def sample(self, **figures: Any) -> None:
        self._samples.append(**figures)

    def checkpoint(self, path: Path, size: int) -> None:
        self._metrics.append(kind="checkpoint", step=self.step, path=str(path), bytes=size)

    def alert(self, id: str, level: str, message: str) -> None:
        """Something that a person should know; `level` is "info", "warning" or "error"."""
        message = redact(message)
        self._metrics.append(kind="alert", id=id, level=level, message=message, step=self.step)
        _say(f"{level}: {message}")

    def artefact(self, path: Path, files: list[dict[str, Any]], reload_difference: float) -> None:
        self._metrics.append(kind="artefact", path=str(path), files=files, reload_difference=reload_difference)

    def end(self, outcome: str, reason: str | None) -> None:
        reason = None if reason is None else redact(reason)
        self._metrics.append(kind="end", outcome=outcome, reason=reason, step=self.step, sync=True)
        _say(outcome if reason is None else f"{outcome}: {reason}")


def _say(text: str) -> None:
    print(f"[tuitune] {clean(redact(text))}", flush=True)
