"""`tuitune delete`: a run that is not running, removed with all that it has made."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser, add_json, add_run, add_yes
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import say, say_json
from tuitune.problem import TuituneError


def arguments(parser: Parser) -> None:
    add_run(parser)
    add_yes(parser)
    add_json(parser)


def delete(options: argparse.Namespace) -> int:
    from tuitune.cli.confirm import confirm
    from tuitune.runs import deletion
    from tuitune.runs.read.state import AT_REST, derive
    from tuitune.runs.store.directory import find

    run = find(options.run)
    if (state := derive(run)[0]) not in AT_REST:
        raise TuituneError(f"{run.name} cannot be deleted: it is {state}; `tuitune stop {run.id}` ends it")
    confirm(run, "delete", f"This deletes {run.path} for good, with its checkpoints and adapter.", yes=options.yes)
    deletion.delete(run)
    if options.json:
        say_json({"id": run.id, "name": run.name, "directory": str(run.path), "deleted": True})
    else:
        say(f"{run.name} is deleted")
    return Exit.DONE
