"""`tuitune evaluate`: a run evaluated on its held-out rows, now."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tuitune.cli.arguments import Parser, add_json, add_run, add_wait
from tuitune.cli.output import Pairs
from tuitune.units import number_text

if TYPE_CHECKING:
    from tuitune.runs.store.directory import Run
    from tuitune.runs.store.records import Record


def arguments(parser: Parser) -> None:
    add_run(parser)
    add_wait(parser)
    add_json(parser)


def evaluate(options: argparse.Namespace) -> int:
    from tuitune.cli.requests import carry_out

    return carry_out(options, "evaluate", {}, _result, _pairs)


def _result(run: Run, done: Record) -> Record | None:
    from tuitune.cli.requests import latest

    return latest(run.metrics_file, "eval", done)


def _pairs(record: Record) -> Pairs:
    from tuitune.runs.store.records import whole
    from tuitune.views.event_texts import step_text

    rows = f"  ({rows} rows)" if (rows := record.get("rows")) else ""
    return [
        ("step", step_text(whole(record, "step"))),
        ("held-out loss", number_text(record.get("loss")) + rows),
        ("perplexity", number_text(record.get("perplexity"))),
    ]
