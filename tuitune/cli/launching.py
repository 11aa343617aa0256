"""What stands before a run: its recipe read, looked over together with this machine, and launched."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from tuitune.cli.output import complain
from tuitune.cli.task_progress import result_of
from tuitune.planning.checks.labels import label_check, told_by
from tuitune.planning.preflight import Advice
from tuitune.planning.preflight import check as preflight
from tuitune.problem import Problem, TuituneError
from tuitune.recipe import overrides
from tuitune.recipe.schema import Recipe
from tuitune.runs import launcher
from tuitune.runs.located import read_located
from tuitune.runs.store.directory import Run


def given_recipe(options: argparse.Namespace) -> Recipe:
    """The recipe file that a verb is given, with the settings of `--set`."""
    recipe = read_located(options.recipe, replaced=overrides.keys_of(options.overrides))
    return overrides.apply(recipe, options.overrides)


def launch(recipe: Recipe) -> Run:
    """Start a run, unless the recipe, this machine or the labels of its rows stand against it: TuituneError then.

    The engine looks at the labels again, so where they could not be looked at here, that is only told.
    """
    told = look_over(recipe)
    errors, advice = judge_labels(recipe)
    if errors:
        raise TuituneError(errors)
    _advise(one for one in advice if one not in told)
    return launcher.launch(recipe)


def look_over(recipe: Recipe, *, resumes: bool = False) -> list[Advice]:
    """Print what is unwise about training this here, and give it; TuituneError where it cannot be trained.

    A disk that is too small for a new run only warns one that `resumes`: its own checkpoints take some of the room.
    """
    report = preflight(recipe, base=Path.cwd(), online=True)
    room = [problem for problem in report.errors if resumes and problem.key == "checkpoints.keep"]
    if errors := [problem for problem in report.errors if problem not in room]:
        raise TuituneError(errors)
    complain(f"warning: {problem}" for problem in room)
    _advise(report.advice)
    return report.advice


def judge_labels(recipe: Recipe) -> tuple[list[Problem], list[Advice]]:
    """What tokenizing the rows tells, where some may lose what they teach: errors, and what is worth a warning."""
    task = None
    try:
        if (task := label_check(recipe, Path.cwd())) is None:
            return [], []
        found = result_of(task, recipe.data.train)
    except TuituneError as error:
        if task and task.look().refused:
            return [Problem("data.train", str(problem)) for problem in error.problems], []
        texts = [f"the labels could not be checked before the start: {problem}" for problem in error.problems]
        return [], [Advice("labels-not-checked", "warning", "data.train", text) for text in texts]
    return told_by(found)


def _advise(found: Iterable[Advice]) -> None:
    complain(f"{advice.level}: {advice.key}: {advice.message}" for advice in found)
