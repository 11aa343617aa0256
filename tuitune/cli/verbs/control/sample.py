"""`tuitune sample`: answers of a run's model, generated now."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tuitune.cli.arguments import Parser, add_json, add_run, add_wait
from tuitune.cli.output import Pairs

if TYPE_CHECKING:
    from tuitune.runs.store.directory import Run
    from tuitune.runs.store.records import Record

_REACH = 16 << 20
"""Bytes of samples.jsonl, from its end, in which the answers to a request are looked for."""


def arguments(parser: Parser) -> None:
    add_run(parser)
    add_wait(parser)
    add_json(parser)
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="the prompt to answer, instead of the recipe's")


def sample(options: argparse.Namespace) -> int:
    from tuitune.cli.requests import carry_out

    arguments = {} if options.prompt is None else {"prompt": options.prompt}
    return carry_out(options, "sample", arguments, _result, _pairs)


def _result(run: Run, done: Record) -> list[Record] | None:
    """The answers given for this request, in order; None where there are none."""
    from tuitune.runs.store import journal

    found = []
    for record in journal.backwards(run.samples_file, reach=_REACH):
        if record.get("nonce") == done.get("nonce"):
            found.append(record)
        elif found:
            break
    return found[::-1] or None


def _pairs(records: list[Record]) -> Pairs:
    from tuitune.runs.store.records import text, whole
    from tuitune.views.event_texts import step_text

    pairs: Pairs = [("step", step_text(whole(records[0], "step")))]
    for record in records:
        pairs += [("prompt", text(record, "prompt")), ("answer", text(record, "answer"))]
    return pairs
