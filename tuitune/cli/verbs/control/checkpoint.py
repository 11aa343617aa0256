"""`tuitune checkpoint`: a checkpoint of a run, saved now."""

from __future__ import annotations

import argparse
from functools import partial

from tuitune.cli.arguments import Parser
from tuitune.cli.output import Pairs
from tuitune.cli.requests import carry_out, latest
from tuitune.runs.store.records import Record
from tuitune.runs.store.records.training import Saved
from tuitune.units import bytes_text, duration_text
from tuitune.views.event_texts import step_text


def arguments(parser: Parser) -> None:
    parser.take("run", "--no-wait", "--json")


def checkpoint(options: argparse.Namespace) -> int:
    return carry_out(options, "checkpoint", partial(latest, Saved.kind), _pairs)


def _pairs(record: Record) -> Pairs:
    saved = Saved.read(record)
    took = "" if saved.seconds is None else f" in {duration_text(saved.seconds)}"
    pairs = [("checkpoint", saved.path), ("step", step_text(saved.step)), ("size", bytes_text(saved.bytes) + took)]
    if saved.healthy is False:
        pairs.append(("", "not healthy: weights, loss or gradient are not finite; resume uses an older one"))
    return pairs
