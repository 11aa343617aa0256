"""`tuitune queue`: the queued runs and the devices, and verbs on them."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser, add_json, add_verbs
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say, say_json, say_table

_VERBS = {
    "queue.move": "move a queued run",
    "queue.edit": "change settings of a queued run before it starts",
    "queue.remove": "take a run out of the queue; it is kept and can be resumed",
}


def arguments(parser: Parser) -> None:
    add_json(parser)
    add_verbs(parser, _VERBS)


def queue(options: argparse.Namespace) -> int:
    """The waiting runs in order with what each waits for, then the devices that are held and by which run."""
    from tuitune.cli.verbs.queue.queued import document

    found = document()
    if options.json:
        say_json(found)
        return Exit.DONE
    if found["waiting"]:
        rows = [(str(run["place"]), run["id"], run["name"], run["device"], run["reason"]) for run in found["waiting"]]
        say_table(("PLACE", "ID", "NAME", "DEVICE", "REASON"), rows, right=(0,))
    else:
        note("no run is queued")
    if found["waiting"] and found["holders"]:
        say("")
    if found["holders"]:
        held = [(device["label"], device["id"], device["name"]) for device in found["holders"]]
        say_table(("DEVICE", "HELD BY", "NAME"), held)
    return Exit.DONE
