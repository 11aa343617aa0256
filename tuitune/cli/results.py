"""What came of a request that the engine carried out: found in the run's journals, and as lines to print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tuitune.cli.news import step_text, value_text
from tuitune.runs.store import journal
from tuitune.runs.store.directory import Run
from tuitune.runs.store.records import Record, number, table, text, whole
from tuitune.units import bytes_text, duration_text, number_text

_REACH = 16 << 20
"""Bytes of samples.jsonl, from its end, in which the answers to a request are looked for."""

Pairs = list[tuple[str, str]]


def checkpoint(run: Run, done: Record) -> Record | None:
    """The checkpoint of the step at which it was asked for, also where that step had been saved before."""
    return _latest(run.metrics_file, "checkpoint", done)


def checkpoint_pairs(record: Record) -> Pairs:
    took = "" if (seconds := number(record, "seconds")) is None else f"in {duration_text(seconds)}"
    pairs = [
        ("checkpoint", text(record, "path")),
        ("step", step_text(record)),
        ("size", " ".join(filter(None, (bytes_text(record.get("bytes")), took)))),
    ]
    if record.get("healthy") is False:
        pairs.append(("", "not healthy: weights, loss or gradient are not finite; resume uses an older one"))
    return pairs


def evaluation(run: Run, done: Record) -> Record | None:
    return _latest(run.metrics_file, "eval", done)


def evaluation_pairs(record: Record) -> Pairs:
    rows = f"  ({rows} rows)" if (rows := record.get("rows")) else ""
    return [
        ("step", step_text(record)),
        ("held-out loss", number_text(record.get("loss")) + rows),
        ("perplexity", number_text(record.get("perplexity"))),
    ]


def samples(run: Run, done: Record) -> list[Record] | None:
    """The answers given for this request, in order; None where there are none."""
    found = []
    for record in journal.backwards(run.samples_file, reach=_REACH):
        if record.get("nonce") == done.get("nonce"):
            found.append(record)
        elif found:
            break
    return found[::-1] or None


def sample_pairs(records: list[Record]) -> Pairs:
    pairs: Pairs = [("step", step_text(records[0]))]
    for record in records:
        pairs += [("prompt", text(record, "prompt")), ("answer", text(record, "answer"))]
    return pairs


def tuned(run: Run, done: Record) -> dict[str, Any] | None:
    """The changes and the first step that they hold for."""
    for record in journal.backwards(run.metrics_file, "tuned"):
        if record.get("nonce") == done.get("nonce"):
            return {"changes": table(record, "changes"), "from_step": (whole(record, "step") or 0) + 1}
    return None


def tuned_pairs(found: dict[str, Any]) -> Pairs:
    changes = [(key, value_text(value)) for key, value in found["changes"].items()]
    return [*changes, ("in effect", f"from step {found['from_step']:,} on")]


def _latest(path: Path, kind: str, done: Record) -> Record | None:
    """The last record of a kind before `done` was written, of the same step."""
    earlier = (record for record in journal.backwards(path, kind) if _seq(record) < _seq(done))
    record = next(earlier, {})
    return record if record and record.get("step") == done.get("step") else None


def _seq(record: Record) -> int:
    return whole(record, "seq") or 0
