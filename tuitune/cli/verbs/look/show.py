"""`tuitune show`: how a run stands or ended, and its recipe."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser, add_json, add_run
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say, say_json
from tuitune.text import clean, redact


def arguments(parser: Parser) -> None:
    add_run(parser)
    add_json(parser)


def show(options: argparse.Namespace) -> int:
    from tuitune.cli.outcome import say_run
    from tuitune.recipe.document import LARGEST
    from tuitune.runs.read.summary import summarize
    from tuitune.runs.store import files
    from tuitune.runs.store.directory import find

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
