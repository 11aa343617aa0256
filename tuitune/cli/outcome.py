"""How a run stands or ended, in the lines that `train`, `demo` and `show` print."""

from __future__ import annotations

from collections.abc import Iterator

from tuitune.cli.output import say, say_pairs
from tuitune.runs.directory import Run
from tuitune.runs.journal import read_all
from tuitune.runs.summary import Summary, summarize
from tuitune.units import bytes_text, clock_text, duration_text, number_text, percent_text


def say_outcome(run: Run) -> None:
    say("")
    say_pairs(outcome_pairs(run))


def outcome_pairs(run: Run) -> list[tuple[str, str]]:
    """Label and value of everything known about the run's result; what was not measured is left out."""
    summary, records = summarize(run), read_all(run.metrics_file)
    return [
        ("run", f"{run.name}  {run.id}"),
        ("state", summary.state + (f": {summary.reason}" if summary.reason else "")),
        *_progress(summary),
        *_losses(records),
        *_perplexity(summary, records),
        *_answers(records),
        *_sample(run),
        *_adapter(summary, records),
        ("directory", str(run.path)),
    ]


def _progress(summary: Summary) -> Iterator[tuple[str, str]]:
    if summary.total_steps:
        yield "steps", f"{summary.step or 0} of {summary.total_steps}"
    if summary.started_at and summary.ended_at:
        yield "time", f"{duration_text(summary.ended_at - summary.started_at)}, ended {clock_text(summary.ended_at)}"
    if summary.peak_memory_bytes:
        yield "peak memory", bytes_text(summary.peak_memory_bytes)


def _losses(records: list[dict]) -> Iterator[tuple[str, str]]:
    losses = [record["loss"] for record in records if record.get("kind") == "step" and record.get("loss") is not None]
    if losses:
        yield "training loss", f"{number_text(losses[0])} → {number_text(losses[-1])}"


def _perplexity(summary: Summary, records: list[dict]) -> Iterator[tuple[str, str]]:
    if not summary.perplexity:
        return
    base, tuned = summary.perplexity.get("base"), summary.perplexity.get("tuned")
    rows = next((record.get("rows") for record in reversed(records) if record.get("kind") == "eval"), None)
    if base or tuned:
        yield (
            "perplexity",
            f"{number_text(base)} → {number_text(tuned)}" + (f"  ({rows} held-out rows)" if rows else ""),
        )


def _answers(records: list[dict]) -> Iterator[tuple[str, str]]:
    scored = {record.get("label"): record for record in records if record.get("kind") == "answers"}
    base, tuned = scored.get("base", {}), scored.get("tuned", {})
    for key, label in (("valid_json", "valid JSON"), ("exact", "exact answers")):
        if tuned.get(key) is not None or base.get(key) is not None:
            rows = tuned.get("rows") or base.get("rows")
            yield label, f"{percent_text(base.get(key))} → {percent_text(tuned.get(key))}  ({rows} held-out rows)"


def _sample(run: Run) -> Iterator[tuple[str, str]]:
    samples = [sample for sample in read_all(run.samples_file) if sample.get("index") == 0]
    if not samples:
        return
    yield "sample", str(samples[0].get("prompt", ""))
    yield "  before", str(samples[0].get("answer", ""))
    if len(samples) > 1:
        yield "  after", str(samples[-1].get("answer", ""))


def _adapter(summary: Summary, records: list[dict]) -> Iterator[tuple[str, str]]:
    artefact = next((record for record in reversed(records) if record.get("kind") == "artefact"), None)
    if artefact:
        files = artefact.get("files", [])
        weights = [file for file in files if file["name"].startswith("adapter_")]
        size = bytes_text(sum(file["bytes"] for file in weights or files))
        yield ("adapter" if weights else "model"), f"{artefact['path']}  ({len(weights or files)} files, {size})"
    elif summary.adapter:
        yield "adapter", summary.adapter
