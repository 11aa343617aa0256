"""`tuitune evaluate`: a run evaluated on its held-out rows, now."""

from __future__ import annotations

import argparse
from functools import partial

from tuitune.cli.arguments import Parser
from tuitune.cli.output import Pairs
from tuitune.cli.requests import carry_out, latest
from tuitune.runs.store.records import Record
from tuitune.runs.store.records.training import Evaluation
from tuitune.units import number_text
from tuitune.views.event_texts import measured_texts, step_text


def arguments(parser: Parser) -> None:
    parser.take("run", "--no-wait", "--json")


def evaluate(options: argparse.Namespace) -> int:
    return carry_out(options, "evaluate", partial(latest, Evaluation.kind), _pairs)


def _pairs(record: Record) -> Pairs:
    measured = Evaluation.read(record)
    rows = f"  ({measured.rows} rows)" if measured.rows else ""
    return [
        ("step", step_text(measured.step)),
        ("held-out loss", number_text(measured.loss) + rows),
        *measured_texts(measured),
    ]
