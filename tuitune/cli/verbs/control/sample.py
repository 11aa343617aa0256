"""`tuitune sample`: answers of a run's model, generated now."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.output import Pairs
from tuitune.cli.requests import carry_out
from tuitune.runs.store import journal
from tuitune.runs.store.directory import Run
from tuitune.runs.store.records import Record
from tuitune.runs.store.records.samples import Sample
from tuitune.runs.store.records.training import Done
from tuitune.views.event_texts import step_text

_REACH = 16 << 20
"""Bytes of samples.jsonl, from its end, in which the answers to a request are looked for."""


def arguments(parser: Parser) -> None:
    parser.take("run", "--no-wait", "--json")
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="the prompt to answer, instead of the recipe's")


def sample(options: argparse.Namespace) -> int:
    asked = {} if options.prompt is None else {"prompt": options.prompt}
    return carry_out(options, "sample", _result, _pairs, **asked)


def _result(run: Run, done: Done) -> list[Record] | None:
    """The answers given for this request, in order; None where there are none."""
    found = []
    for record in journal.backwards(run.samples_file, reach=_REACH):
        if record.get("nonce") == done.nonce:
            found.append(record)
        elif found:
            break
    return found[::-1] or None


def _pairs(records: list[Record]) -> Pairs:
    samples = [Sample.read(record) for record in records]
    pairs: Pairs = [("step", step_text(samples[0].step))]
    for one in samples:
        pairs += [("prompt", one.prompt or ""), ("answer", one.answer or "")]
    return pairs
