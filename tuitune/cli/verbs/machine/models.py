"""`tuitune models`: base models on this machine."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import say_json, say_table
from tuitune.hardware.models import find_models
from tuitune.units import bytes_text, count_text


def arguments(parser: Parser) -> None:
    parser.take("--json")


def models(options: argparse.Namespace) -> int:
    entries = find_models()
    if options.json:
        say_json([asdict(entry) | {"path": str(entry.path)} for entry in entries])
        return Exit.DONE
    headings = ("MODEL", "KIND", "PARAMETERS", "SIZE", "DTYPE", "LICENCE")
    rows = [
        (one.id, one.kind, count_text(one.parameters), bytes_text(one.bytes), one.dtype or "–", one.licence or "–")
        for one in entries
    ]
    say_table(headings, rows, right=(2, 3))
    return Exit.DONE
