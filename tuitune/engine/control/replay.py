"""The settings changed while earlier lives of a run trained, as they are to be changed again after a resume."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any

from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import Record, backwards, read_all


def tunes(run: Run) -> list[Record]:
    """The `tuned` records that still hold, by step.

    What was recorded later counts: a change at the same step or an earlier one, or an amendment of the recipe between
    two lives, takes the place of a former change to the same key.
    """
    standing: list[Record] = []
    for record in reversed(list(backwards(run.metrics_file, "tuned"))):
        if record.get("kind") == "tuned" and _whole(record):
            later = [former["step"] >= record["step"] for former in standing]
            standing = [_without(former, record["changes"]) if outdone else former
                        for former, outdone in zip(standing, later, strict=True)]  # fmt: skip
            standing.append(record)
    for keys, before in _amendments(run):
        standing = [_without(former, keys) if former["seq"] <= before else former for former in standing]
    return sorted((record for record in standing if record["changes"]), key=lambda record: record["step"])


def _amendments(run: Run) -> Iterator[tuple[set[str], float]]:
    """The keys amended before an engine was started, with the number of the last metrics record before that engine.

    What no engine is known to follow yet was amended for this one: it comes after all records.
    """
    amended: set[str] = set()
    for event in read_all(run.events_file):
        if event.get("event") == "amended" and isinstance(event.get("changes"), dict):
            amended |= event["changes"].keys()
        elif event.get("event") == "engine" and amended:
            after = event.get("after")
            yield amended, after if isinstance(after, int) else math.inf
            amended = set()
    if amended:
        yield amended, math.inf


def _whole(record: Record) -> bool:
    return isinstance(record.get("changes"), dict) and all(type(record.get(name)) is int for name in ("step", "seq"))


def _without(record: Record, keys: Collection[Any]) -> Record:
    return {**record, "changes": {key: value for key, value in record["changes"].items() if key not in keys}}
