"""Verbs that make a recipe or start a run: new, check, train, demo, resume."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import replace
from pathlib import Path

from tuitune.cli.attend import attend
from tuitune.cli.changes import changed
from tuitune.cli.data.following import result_of
from tuitune.cli.follow import follow_to_rest
from tuitune.cli.news import past
from tuitune.cli.outcome import say_outcome
from tuitune.cli.output import complain, note, say, say_json, say_pairs
from tuitune.planning.checks.labels import label_check
from tuitune.planning.preflight import Advice, Check
from tuitune.planning.preflight import check as preflight
from tuitune.problem import Problem, TuituneError
from tuitune.recipe import document, overrides, presets
from tuitune.recipe.schema import Recipe
from tuitune.runs import launcher
from tuitune.runs.control.amendment import amended
from tuitune.runs.located import read_located, resolve_paths
from tuitune.runs.read.length import idle
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.read.summary import summarize
from tuitune.runs.store import checkpoints
from tuitune.runs.store.directory import Run, find
from tuitune.units import bytes_text, count_text, percent_text


def new(options: argparse.Namespace) -> int:
    named = [f"run.name={name}"] if (name := _slug(options.output)) else []
    recipe = presets.apply_preset(Recipe(), options.preset) if options.preset else Recipe()
    recipe = overrides.apply(recipe, [*named, *options.overrides])
    if options.output == "-":
        say(document.render(recipe, comments=True).rstrip("\n"))
        return 0
    target = Path(options.output)
    if target.exists() and not options.force:
        raise TuituneError(f"{target}: exists already; --force writes over it")
    if target.absolute().parent != Path.cwd():
        recipe = resolve_paths(recipe, Path.cwd())
    document.write_text(target, document.render(recipe, comments=True))
    note(f"wrote {target}")
    return 0


def _slug(output: str) -> str:
    """A run's name made from the recipe's file name; "" where nothing of it can be used."""
    return "" if output == "-" else re.sub(r"[^a-z0-9._-]+", "-", Path(output).stem.lower()).strip("-._")[:64]


def check(options: argparse.Namespace) -> int:
    report = _examine(options)
    if options.json:
        say_json(report.as_json())
    else:
        _say_check(report)
    return 2 if report.errors else 0


def train(options: argparse.Namespace) -> int:
    return attend(_launch(_recipe(options)), options)


def resume(options: argparse.Namespace) -> int:
    """Start the run's next life, after the same look at its recipe and this machine as before a launch."""
    run = find(options.run)
    changes = changed(run, options.overrides)
    if derive(run)[0] in AT_REST:
        recipe = amended(run, changes)
        _look_over(recipe, resumes=True)
        if without := idle(changes, recipe.training):
            note(f"{without}; --set training.max_steps= lets the epochs decide")
    start, before = _start_of(run), past(run)
    launcher.resume(run, changes)
    if options.detach:
        note(f"{run.name} {start}")
    return attend(run, options, after=before)


def _start_of(run: Run) -> str:
    """Where the next life begins, as far as the checkpoints tell before the engine has verified them."""
    step = checkpoints.reached(run)
    return f"resumes from its checkpoint of step {step:,}" if step else "starts over: it has no checkpoint"


def demo(options: argparse.Namespace) -> int:
    run = _launch(presets.demo_recipe())
    if sys.stdin.isatty() and sys.stdout.isatty() and not options.plain:
        from tuitune.cli.screen import open_screen

        return open_screen(run) or _demo_left(run)
    code = follow_to_rest(run)
    if code != 130:
        say_outcome(run)
    return code


def _demo_left(run: Run) -> int:
    """After the monitor was left: the summary of an ended run, and the exit code that it earns."""
    state = summarize(run).state
    if state in AT_REST:
        say_outcome(run)
    return 1 if state in ("failed", "crashed") else 0


def _examine(options: argparse.Namespace) -> Check:
    """The recipe looked over; one that is wrong in itself is a report with nothing but its errors."""
    try:
        recipe = _recipe(options)
        found = preflight(recipe, base=Path.cwd(), online=True)
    except TuituneError as refusal:
        return Check(refusal.problems, [], None, None, None, None, None)
    errors, advice = ([], []) if found.errors else _labels(recipe)
    return replace(found, errors=[*found.errors, *errors], advice=[*found.advice, *advice])


def _recipe(options: argparse.Namespace) -> Recipe:
    recipe = read_located(options.recipe, replaced=overrides.keys_of(options.overrides))
    return overrides.apply(recipe, options.overrides)


def _launch(recipe: Recipe) -> Run:
    _look_over(recipe)
    _check_labels(recipe)
    return launcher.launch(recipe)


def _check_labels(recipe: Recipe) -> None:
    """Refuse rows that would teach nothing, where some may; the engine looks again, so a look that fails is no end."""
    errors, advice = _labels(recipe)
    if errors:
        raise TuituneError(errors)
    complain(f"{one.level}: {one.key}: {one.message}" for one in advice)


def _labels(recipe: Recipe) -> tuple[list[Problem], list[Advice]]:
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
    errors = [Problem("data.train", error) for error in found["errors"]]
    return errors, [Advice("labels", "warning", "data.train", text) for text in found["warnings"]]


def _look_over(recipe: Recipe, *, resumes: bool = False) -> None:
    """Print what is unwise about training this here; TuituneError where it cannot be trained.

    A disk that is too small for a new run only warns one that `resumes`: its own checkpoints take some of the room.
    """
    report = preflight(recipe, base=Path.cwd(), online=True)
    room = [problem for problem in report.errors if resumes and problem.key == "checkpoints.keep"]
    if errors := [problem for problem in report.errors if problem not in room]:
        raise TuituneError(errors)
    complain(f"warning: {problem}" for problem in room)
    for advice in report.advice:
        complain([f"{advice.level}: {advice.key}: {advice.message}"])


def _say_check(report: Check) -> None:
    complain(report.errors)
    for advice in report.advice:
        say_pairs([(advice.level, f"{advice.key}: {advice.message}")])
    pairs = []
    if report.total is not None and report.trainable is not None:
        share = percent_text(report.trainable / report.total)
        pairs.append(
            ("trainable", f"{count_text(report.trainable)} of {count_text(report.total)} parameters ({share})")
        )
    if report.forecast is None and not report.errors:
        missing = "before the model is on this machine" if report.facts is None else "for this architecture"
        pairs.append(("memory", f"not known {missing}"))
    elif report.forecast is not None:
        parts = " + ".join(f"{name} {bytes_text(size)}" for name, size in report.forecast.parts.items() if size)
        pairs.append(("memory", f"about {bytes_text(report.forecast.total)}: {parts}"))
    say_pairs(pairs)
    say(f"{_verdict(report)}{_warned(report)}" if not report.errors else "refused: this recipe would not start")


def _verdict(report: Check) -> str:
    if report.forecast is None:
        return "no problem found; whether it fits in memory is not known"
    return "the recipe can be trained"


def _warned(report: Check) -> str:
    count = sum(advice.level == "warning" for advice in report.advice)
    return f", but read the {'warning' if count == 1 else f'{count} warnings'} above" if count else ""
