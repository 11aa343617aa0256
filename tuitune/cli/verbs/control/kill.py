"""`tuitune kill`: a run ended that does not stop, by asking first and force then."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser, add_json, add_run, add_yes
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import say, say_json
from tuitune.problem import TuituneError


def arguments(parser: Parser) -> None:
    add_run(parser)
    parser.add_argument("--now", action="store_true", help="kill its processes at once; what was not saved is lost")
    add_yes(parser)
    add_json(parser)


def kill(options: argparse.Namespace) -> int:
    from tuitune.cli.confirm import confirm
    from tuitune.cli.ending import ended_text
    from tuitune.cli.kill_escalation import watch_kill
    from tuitune.runs.read.state import AT_REST, derive, supervised
    from tuitune.runs.read.summary import summarize
    from tuitune.runs.store.directory import find

    run = find(options.run)
    if (state := derive(run)[0]) in AT_REST:
        raise TuituneError(f"{run.name} cannot be killed: it is {state}")
    if state == "stopping" and not supervised(run):
        raise TuituneError(
            f"{run.name} cannot be killed: its supervisor is gone. Its engine saves and ends by itself; if it does "
            f"not, `tuitune resume {run.id}` ends it first"
        )
    confirm(run, "kill", f"{run.name} loses what it has learned since its last checkpoint.", yes=options.yes)
    gone = watch_kill(run, now=options.now, quiet=options.json)
    summary = summarize(run)
    if options.json:
        say_json(summary.as_json())
    elif gone:
        say(ended_text(summary))
    else:
        say(
            f"{run.name} is stuck; its supervisor keeps watching, and `tuitune follow {run.id}` returns when it is gone"
        )
    return Exit.DONE if gone else Exit.FAILED
