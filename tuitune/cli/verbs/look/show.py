"""`tuitune show`: how a run stands or ended, and its recipe."""

from __future__ import annotations

import argparse

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say, say_json
from tuitune.cli.run_report import say_run
from tuitune.problem import TuituneError
from tuitune.runs.read.summary import summarize
from tuitune.runs.store import files
from tuitune.runs.store.directory import Run, find, read_recipe
from tuitune.text import clean, redact


def arguments(parser: Parser) -> None:
    parser.take("run", "--json")


def show(options: argparse.Namespace) -> int:
    run = find(options.run)
    if options.json:
        say_json(summarize(run).as_json())
        return Exit.DONE
    say_run(run)
    try:
        told = _recipe(run)
    except OSError as error:
        note(f"the recipe of {run.name} cannot be read: {error.strerror}")
    else:
        say("", clean(redact(told), newlines=True).rstrip())
    return Exit.DONE


def _recipe(run: Run) -> str:
    """Its recipe without the settings that stay at their defaults and that nothing reads, as it stands where it is not
    understood. OSError where it cannot be read.
    """
    from tuitune.recipe.document import LARGEST, render
    from tuitune.recipe.settings import setting, without_effect

    try:
        recipe = read_recipe(run)
    except TuituneError:
        return files.read_bytes(run.recipe_file, LARGEST).decode("utf-8", "replace")
    idle = {key for key in without_effect(recipe) if setting(key).of(recipe) == setting(key).default}
    return render(recipe, full=True, skipped=idle)
