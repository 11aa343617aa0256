"""Asking a run for something while it trains, and telling what came of it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tuitune.cli.asking import ask, message_of
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import Pairs, complain, note, say_json, say_pairs
from tuitune.runs.control import spool
from tuitune.runs.read.state import derive
from tuitune.runs.store import journal
from tuitune.runs.store.directory import Run, find
from tuitune.runs.store.records import Record, whole


def carry_out(
    options: argparse.Namespace,
    verb: str,
    arguments: Mapping[str, Any],
    result: Callable[[Run, Record], Any],
    pairs: Callable[[Any], Pairs],
) -> int:
    """Ask, wait for the engine to have done it, and print what came of it; 1 where it could not be done.

    `result` finds that in the run's journals, from the record of the answer; None where it is not there.
    """
    run = find(options.run)
    document: dict[str, Any] = {"id": run.id, "name": run.name, "verb": verb, "ok": None, "message": "", "step": None}
    if not options.wait:
        spool.request(run, verb, arguments)
        note(f"asked {run.name} to {verb}")
        if options.json:
            say_json({**document, "result": None})
        return Exit.DONE
    answer = ask(run, verb, arguments)
    if answer is None:
        document |= {"ok": False, "message": f"too late: it is {derive(run)[0]}"}
    else:
        document |= {"ok": bool(answer.get("ok")), "message": message_of(answer), "step": answer.get("step")}
    found = result(run, answer) if answer is not None and document["ok"] else None
    if options.json:
        say_json({**document, "result": found})
    elif found is not None:
        say_pairs(pairs(found))
    elif document["ok"]:
        note(document["message"])
    else:
        complain([f"{run.name} could not {verb}: {document['message']}"])
    return Exit.DONE if document["ok"] else Exit.FAILED


def latest(path: Path, kind: str, done: Record) -> Record | None:
    """The last record of a kind before `done` was written, of the same step."""
    earlier = (record for record in journal.backwards(path, kind) if _seq(record) < _seq(done))
    record = next(earlier, {})
    return record if record and record.get("step") == done.get("step") else None


def _seq(record: Record) -> int:
    return whole(record, "seq") or 0
