"""`tuitune checkpoint`: a checkpoint of a run, saved now."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tuitune.cli.arguments import Parser, add_json, add_run, add_wait
from tuitune.cli.output import Pairs
from tuitune.units import bytes_text, duration_text

if TYPE_CHECKING:
    from tuitune.runs.store.directory import Run
    from tuitune.runs.store.records import Record


def arguments(parser: Parser) -> None:
    add_run(parser)
    add_wait(parser)
    add_json(parser)


def checkpoint(options: argparse.Namespace) -> int:
    from tuitune.cli.requests import carry_out

    return carry_out(options, "checkpoint", {}, _result, _pairs)


def _result(run: Run, done: Record) -> Record | None:
    """The checkpoint of the step at which it was asked for, also where that step had been saved before."""
    from tuitune.cli.requests import latest

    return latest(run.metrics_file, "checkpoint", done)


def _pairs(record: Record) -> Pairs:
    from tuitune.runs.store.records import number, text, whole
    from tuitune.views.event_texts import step_text

    took = "" if (seconds := number(record, "seconds")) is None else f"in {duration_text(seconds)}"
    pairs = [
        ("checkpoint", text(record, "path")),
        ("step", step_text(whole(record, "step"))),
        ("size", " ".join(filter(None, (bytes_text(record.get("bytes")), took)))),
    ]
    if record.get("healthy") is False:
        pairs.append(("", "not healthy: weights, loss or gradient are not finite; resume uses an older one"))
    return pairs
