"""`tuitune models`: base models on this machine."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from tuitune.cli.arguments import Parser, add_json
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import say_json, say_table
from tuitune.units import bytes_text, count_text


def arguments(parser: Parser) -> None:
    add_json(parser)


def models(options: argparse.Namespace) -> int:
    from tuitune.hardware.models import find_models

    entries = find_models()
    if options.json:
        say_json([asdict(entry) | {"path": str(entry.path)} for entry in entries])
        return Exit.DONE
    headings = ("MODEL", "KIND", "PARAMETERS", "SIZE", "DTYPE", "LICENCE")
    rows = [
        (
            entry.id,
            entry.kind,
            count_text(entry.parameters),
            bytes_text(entry.bytes),
            entry.dtype or "–",
            entry.licence or "–",
        )
        for entry in entries
    ]
    say_table(headings, rows, right=(2, 3))
    return Exit.DONE
