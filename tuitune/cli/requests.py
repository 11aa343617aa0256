"""Verbs that ask something of a run while it trains: checkpoint, evaluate, sample, tune."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from tuitune.cli import results
from tuitune.cli.asking import ask, message_of
from tuitune.cli.changes import changed, full_keys
from tuitune.cli.output import complain, note, say_json, say_pairs
from tuitune.runs.control import spool
from tuitune.runs.read.state import derive
from tuitune.runs.store.directory import Run, find
from tuitune.runs.store.journal import Record

Result = Callable[[Run, Record], Any]
Pairs = Callable[[Any], list[tuple[str, str]]]


def checkpoint(options: argparse.Namespace) -> int:
    return _carry_out(options, "checkpoint", {}, results.checkpoint, results.checkpoint_pairs)


def evaluate(options: argparse.Namespace) -> int:
    return _carry_out(options, "evaluate", {}, results.evaluation, results.evaluation_pairs)


def sample(options: argparse.Namespace) -> int:
    arguments = {} if options.prompt is None else {"prompt": options.prompt}
    return _carry_out(options, "sample", arguments, results.samples, results.sample_pairs)


def tune(options: argparse.Namespace) -> int:
    changes = changed(find(options.run), full_keys(options.changes))
    return _carry_out(options, "tune", {"changes": changes}, results.tuned, results.tuned_pairs)


def _carry_out(
    options: argparse.Namespace, verb: str, arguments: Mapping[str, Any], result: Result, pairs: Pairs
) -> int:
    """Ask, wait for the engine to have done it, and print what came of it; 1 where it could not be done."""
    run = find(options.run)
    document: dict[str, Any] = {"id": run.id, "name": run.name, "verb": verb, "ok": None, "message": "", "step": None}
    if not options.wait:
        spool.request(run, verb, arguments)
        note(f"asked {run.name} to {verb}")
        if options.json:
            say_json({**document, "result": None})
        return 0
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
    return 0 if document["ok"] else 1
