"""`tuitune show`: how a run stands or ended, and its recipe."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say, say_json
from tuitune.cli.run_report import say_run
from tuitune.runs.read.summary import summarize
from tuitune.runs.store import files
from tuitune.runs.store.directory import find
from tuitune.text import clean, redact


def arguments(parser: Parser) -> None:
    parser.take("run", "--json")


def show(options: argparse.Namespace) -> int:
    from tuitune.recipe.document import LARGEST

    run = find(options.run)
    if options.json:
        say_json(summarize(run).as_json())
        return Exit.DONE
    say_run(run)
    try:
        recipe = files.read_bytes(run.recipe_file, LARGEST).decode("utf-8", "replace")
    except OSError as error:
        note(f"the recipe of {run.name} cannot be read: {error.strerror}")
    else:
        say("", clean(redact(recipe), newlines=True).rstrip())
    return Exit.DONE
