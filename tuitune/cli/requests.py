"""Asking a run for something, waiting for its answer as long as the run is at work, and telling what came of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from tuitune.cli.exit_codes import Exit
from tuitune.cli.follow import follow_to_rest
from tuitune.cli.output import Pairs, complain, note, say_answer, say_json, say_pairs
from tuitune.problem import TuituneError
from tuitune.runs.control import spool
from tuitune.runs.read.state import derive
from tuitune.runs.read.summary import Summary, summarize
from tuitune.runs.store import journal
from tuitune.runs.store.directory import Run, find, read_recipe
from tuitune.runs.store.records import Record, whole
from tuitune.runs.store.records.lifecycle import Acknowledged
from tuitune.runs.store.records.training import Done
from tuitune.text import clean


def ask(run: Run, verb: str, **arguments: Any) -> Acknowledged | Done | None:
    """Ask, and return how the run answered: its acknowledgement or, where the engine acts, what came of it.

    None where the run came to rest before it answered. TuituneError where the request cannot be made or is refused.
    """
    nonce = spool.request(run, verb, arguments)
    try:
        answer = spool.await_outcome(run, nonce)
    except KeyboardInterrupt:
        note(f"\nno longer watching; the request to {verb} {run.name} still stands")
        raise
    if isinstance(answer, Acknowledged) and not answer.ok:
        raise TuituneError(f"{run.name} refused to {verb}: {message_of(answer)}")
    return answer


def message_of(answer: Acknowledged | Done) -> str:
    """What an answer says, safe to show; "" where it says nothing."""
    return clean(answer.message, newlines=True)


def changed(run: Run, assignments: Sequence[str]) -> dict[str, Any]:
    """The values that `KEY=VALUE` assignments give a run, by key, as JSON has them. RecipeError where one is wrong."""
    from tuitune.recipe import overrides

    tables = overrides.apply(read_recipe(run), assignments).model_dump(mode="json")
    keys = [key.split(".", 1) for key in overrides.keys_of(assignments)]
    return {f"{section}.{name}": tables[section][name] for section, name in keys}


def confirm(run: Run, verb: str, consequence: str, *, yes: bool) -> None:
    """Return where `yes` was given or the run's name was typed; TuituneError, and nothing is done, otherwise."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise TuituneError(f"no terminal to confirm on; `tuitune {verb} {run.id} --yes` does not ask")
    note(consequence)
    sys.stderr.write(f"Type the run's name, {run.name}, to {verb} it: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != run.name:
        raise TuituneError(f"the name does not match; {run.name} is unchanged")


def end(options: argparse.Namespace, verb: str, deed: str) -> int:
    """Ask the run to end and wait until it has, or with `--no-wait` ask it alone; the verb's exit code."""
    run = find(options.run)
    if not options.wait:
        spool.request(run, verb)
        note(f"asked {run.name} to {deed}")
        if options.json:
            say_json(summarize(run).as_json())
        return Exit.DONE
    ask(run, verb)
    code = follow_to_rest(run, quiet=True)
    if code != Exit.INTERRUPTED:
        summary = summarize(run)
        say_answer(options.json, summary.as_json(), ended_text(summary))
    return code


def ended_text(summary: Summary) -> str:
    if summary.state == "paused":
        return f"{summary.name}: {summary.reason or 'paused'}; `tuitune resume {summary.id}` resumes it"
    reached = "" if summary.step is None else f" at step {summary.step:,}"
    return f"{summary.name}: {summary.state}{reached}"


def carry_out(
    options: argparse.Namespace,
    verb: str,
    result: Callable[[Run, Done], Any],
    pairs: Callable[[Any], Pairs],
    **arguments: Any,
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
    answer = ask(run, verb, **arguments) or Done(message=f"too late: it is {derive(run)[0]}")
    document |= {"ok": bool(answer.ok), "message": message_of(answer), "step": answer.figure("step")}
    found = result(run, answer) if isinstance(answer, Done) and answer.ok else None
    if options.json:
        say_json({**document, "result": found})
    elif found is not None:
        say_pairs(pairs(found))
    elif document["ok"]:
        note(document["message"])
    else:
        complain([f"{run.name} could not {verb}: {document['message']}"])
    return Exit.DONE if document["ok"] else Exit.FAILED


def latest(kind: str, run: Run, done: Done) -> Record | None:
    """The last record of a kind in metrics.jsonl before `done` was written, of the same step: also where what was asked
    for had been there before.
    """
    before = done.seq or 0
    earlier = (one for one in journal.backwards(run.metrics_file, kind) if (whole(one, "seq") or 0) < before)
    record = next(earlier, None)
    return record if record and record.get("step") == done.step else None
