"""How a run stands or ended, in the lines that `train`, `demo`, `resume` and `show` print."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from tuitune.cli.output import say, say_pairs
from tuitune.objectives import charted
from tuitune.runs.read.state import AT_REST, ENDED
from tuitune.runs.read.summary import RunView, Summary
from tuitune.runs.read.usage import usage
from tuitune.runs.store.directory import Run
from tuitune.runs.store.records.training import Answered, Artefact
from tuitune.text import clean
from tuitune.units import bytes_text, clock_text, number_text, percent_text
from tuitune.views.event_texts import resumed_text, step_text

_WARNINGS = 8
"""Warnings that are shown, the newest."""


def say_run(run: Run) -> None:
    """Everything known about the run and its result, and how to use that."""
    view = RunView(run)
    view.refresh()
    say_pairs(_outcome_pairs(view))
    if view.summary.state in ENDED and (text := usage(run, view.recipe)):
        say("", "Use it from Python:", "", clean(text, newlines=True).rstrip())


def _outcome_pairs(view: RunView) -> list[tuple[str, str]]:
    """Label and value of everything known about the run's result; what was not measured is left out."""
    run, summary = view.run, view.summary
    return [
        ("run", f"{run.name}  {run.id}"),
        ("state", summary.state + (f": {summary.reason}" if summary.reason else "")),
        *_lives(view),
        *_progress(view),
        *_rows(view),
        *_limits(summary),
        *_learned(view),
        *_held_out(view),
        *_answers(view),
        *_sample(view),
        *_warnings(view),
        *_checkpoint(view),
        *_adapter(view),
        ("directory", str(run.path)),
    ]


def _lives(view: RunView) -> Iterator[tuple[str, str]]:
    """How the newest life began, where it is not the first."""
    if view.resumed:
        lives = f"  (life {view.summary.life})" if view.summary.life > 1 else ""
        yield "resumed", resumed_text(view.resumed) + lives


def _progress(view: RunView) -> Iterator[tuple[str, str]]:
    summary = view.summary
    if summary.total_steps:
        yield "steps", f"{summary.step or 0:,} of {summary.total_steps:,}"
    took = view.time_spent(None if summary.state in AT_REST else time.time())
    ended = f"ended {clock_text(summary.ended_at)}" if summary.ended_at else ""
    if texts := [one for one in (took, ended) if one]:
        yield "time", ", ".join(texts)
    if view.memory["peak"]:
        beside = {"reserved": "reserved", "context": "CUDA context"}
        parts = [f"{bytes_text(view.memory[kind])} {name}" for kind, name in beside.items() if view.memory[kind]]
        yield "peak memory", bytes_text(view.memory["peak"]) + (f"  ({', '.join(parts)})" if parts else "")


def _rows(view: RunView) -> Iterator[tuple[str, str]]:
    """How many rows were left to train on and to evaluate on."""
    if view.plan is None or view.plan.train_rows is None:
        return
    dropped = f", {view.plan.dropped_rows:,} dropped" if view.plan.dropped_rows else ""
    held_out = f", {view.plan.eval_rows:,} held out" if view.plan.eval_rows is not None else ""
    yield "rows", f"{view.plan.train_rows:,} to train on{dropped}{held_out}"


def _warnings(view: RunView) -> Iterator[tuple[str, str]]:
    """What the run warned of, each once, in its newest words."""
    warned = {alert.id: alert.message for alert in view.alerts if alert.level in ("warning", "error")}
    for number, message in enumerate(list(warned.values())[-_WARNINGS:]):
        yield "" if number else "warnings", clean(message)


def _limits(summary: Summary) -> Iterator[tuple[str, str]]:
    """What may end the run before its last step."""
    limits = summary.recipe.get("limits", {})
    texts = [text.format(limits[key]) for key, text in _LIMITS.items() if limits.get(key)]
    if patience := summary.recipe.get("evaluation", {}).get("patience"):
        texts.append(f"{patience} evaluations without a lower held-out loss")
    if texts:
        yield "stops at", ", ".join(texts)


_LIMITS = {"hours": "{} h of training", "until": "{}", "loss": "a training loss of {}", "cost": "a cost of {}"}


def _learned(view: RunView) -> Iterator[tuple[str, str]]:
    """The first and the last training loss; where that says nothing, what the answers drawn in training were worth."""
    losses = _finite(view.steps["loss"])
    if view.leading[0].key == "loss" and losses:
        yield "training loss", f"{number_text(losses[0])} → {number_text(losses[-1])}"
    yield from _judged(view)


def _judged(view: RunView) -> Iterator[tuple[str, str]]:
    """What the objective judges answers by, such as margins or rewards, over the first and the last fifth of the
    records.
    """
    objective, rewards = (view.recipe.get(section, {}) for section in ("objective", "rewards"))
    drawn = view.leading[0].key != "loss"
    for metric in charted(objective.get("kind"), rewards.get("weights", {})):
        telling = metric.pane == "first" or metric.reward if drawn else metric.better == "higher" and metric.held_out
        if telling and (worth := _finite(view.steps[metric.key])):
            fifth = math.ceil(len(worth) / 5)
            first, last = (metric.shown(fmean(part)) for part in (worth[:fifth], worth[-fifth:]))
            label = f"{'drawn' if drawn else 'training'} {metric.title}"
            yield label, f"{first} → {last}  (first → last fifth of training)"


def _finite(figures: Sequence[float]) -> list[float]:
    return [figure for figure in figures if math.isfinite(figure)]


def _held_out(view: RunView) -> Iterator[tuple[str, str]]:
    """What was measured on held-out rows, of the base and of the model at its newest step."""
    changes = [(metric.title, change, metric.shown) for metric, change in view.held_out_changes]
    if any(view.perplexities):
        changes = [("perplexity", view.perplexities, number_text), *changes]
    for label, (base, tuned), shown in changes:
        newest = view.evaluations[-1]
        notes = [f"step {newest.step:,}"] if newest.label == "during" and newest.step is not None else []
        notes += [f"{newest.rows:,} held-out rows"] if newest.rows else []
        measured = f"  ({', '.join(notes)})" if notes else ""
        before = f"{shown(base)} → " if base is not None or label == "perplexity" else ""
        yield label, f"{before}{shown(tuned)}{measured}"


def _answers(view: RunView) -> Iterator[tuple[str, str]]:
    scored = {answered.label: answered for answered in view.answers}
    base, tuned = scored.get("base", Answered()), scored.get("tuned", Answered())
    pairs = (("valid JSON", base.valid_json, tuned.valid_json), ("exact answers", base.exact, tuned.exact))
    for label, before, after in pairs:
        if before is not None or after is not None:
            rows = tuned.rows or base.rows
            measured = f"  ({rows:,} held-out rows)" if rows else ""
            yield label, f"{percent_text(before)} → {percent_text(after)}{measured}"


def _sample(view: RunView) -> Iterator[tuple[str, str]]:
    """The first prompt of the recipe, as the base and the model at its newest step answer it."""
    samples = [sample for sample in view.samples if sample.index == 0 and not sample.nonce]
    if not samples:
        return
    yield "sample", samples[0].prompt or ""
    yield "  before", samples[0].answer or ""
    if len(samples) > 1:
        yield "  after", samples[-1].answer or ""


def _checkpoint(view: RunView) -> Iterator[tuple[str, str]]:
    """The newest one, which `resume` goes on from."""
    healthy = [saved for saved in view.checkpoints if saved.healthy is not False and saved.path]
    if healthy:
        name, size = Path(healthy[-1].path).name, bytes_text(healthy[-1].bytes)
        yield "checkpoint", f"step {step_text(healthy[-1].step)}  ({name}, {size})"


def _adapter(view: RunView) -> Iterator[tuple[str, str]]:
    artefact = view.artefact or Artefact()
    if artefact.path and (files := artefact.sizes):
        weights = {name: size for name, size in files.items() if name.startswith("adapter_")}
        size = bytes_text(sum((weights or files).values()))
        yield ("adapter" if weights else "model"), f"{artefact.path}  ({len(weights or files)} files, {size})"
    elif view.summary.adapter:
        yield "adapter", view.summary.adapter
