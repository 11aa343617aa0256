"""`tuitune delete`: a run that is not running, removed with all that it has made."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import say_answer
from tuitune.cli.requests import confirm
from tuitune.problem import TuituneError
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.store.directory import find


def arguments(parser: Parser) -> None:
    parser.take("run", "--yes", "--json")


def delete(options: argparse.Namespace) -> int:
    from tuitune.runs import deletion

    run = find(options.run)
    if (state := derive(run)[0]) not in AT_REST:
        raise TuituneError(f"{run.name} cannot be deleted: it is {state}; `tuitune stop {run.id}` ends it")
    confirm(run, "delete", f"This deletes {run.path} for good, with its checkpoints and adapter.", yes=options.yes)
    deletion.delete(run)
    deleted = {"id": run.id, "name": run.name, "directory": str(run.path), "deleted": True}
    say_answer(options.json, deleted, f"{run.name} is deleted")
    return Exit.DONE
