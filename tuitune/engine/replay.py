"""The settings changed while earlier lives of a run trained, as they are to be changed again after a resume."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tuitune.runs.directory import Run
from tuitune.runs.journal import Record, read_all


def tunes(run: Run) -> list[Record]:
    """The `tuned` records that still hold, by step.

    What was recorded later counts: a change at the same step or an earlier one, or an amendment of the recipe between
    two lives, takes the place of a former change to the same key.
    """
    standing: list[Record] = []
    for record in read_all(run.metrics_file):
        if record.get("kind") == "tuned" and _whole(record):
            later = [former["step"] >= record["step"] for former in standing]
            standing = [_without(former, record["changes"]) if outdone else former
                        for former, outdone in zip(standing, later, strict=True)]  # fmt: skip
            standing.append(record)
    for event in read_all(run.events_file):
        if event.get("event") == "amended" and isinstance(event.get("changes"), dict):
            standing = [_without(former, event["changes"]) if former["time"] <= event["time"] else former
                        for former in standing]  # fmt: skip
    return sorted((record for record in standing if record["changes"]), key=lambda record: record["step"])


def _whole(record: Record) -> bool:
    return isinstance(record.get("step"), int) and isinstance(record.get("changes"), dict) and "time" in record


def _without(record: Record, keys: Collection[Any]) -> Record:
    return {**record, "changes": {key: value for key, value in record["changes"].items() if key not in keys}}
