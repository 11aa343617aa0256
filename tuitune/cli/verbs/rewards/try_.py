"""`tuitune rewards try`: the rewards of a recipe on answers of its model, before it is trained."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuitune.cli.arguments import Parser, positive
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import note, say, say_json, say_pairs
from tuitune.problem import TuituneError
from tuitune.text import clean
from tuitune.units import number_text, percent_text

if TYPE_CHECKING:
    from tuitune.recipe.schema import Recipe

_PROMPTS = 4
_SHOWN = 160


def arguments(parser: Parser) -> None:
    parser.take("recipe", "--set", "--json")
    about = f"how many prompts are answered, drawn by the seed (default: {_PROMPTS})"
    parser.add_argument("--prompts", metavar="N", type=positive, default=_PROMPTS, help=about)
    about = "answers to each prompt (default: objective.generations of the recipe)"
    parser.add_argument("--answers", metavar="N", type=positive, help=about)


def try_(options: argparse.Namespace) -> int:
    """The prompts with their answers; exit code 2 where the recipe, its data or a reward is refused."""
    from tuitune.cli.launching import given_recipe
    from tuitune.cli.task_progress import result_of
    from tuitune.planning.checks.rewards import check_rewards
    from tuitune.planning.data_plan import reward_task

    recipe = given_recipe(options)
    if not recipe.optimises.generates:
        raise TuituneError(f"objective.kind: {recipe.objective.kind} has no rewards; set it to grpo or rloo")
    if problems := check_rewards(recipe, Path.cwd()):
        _show_unapproved(recipe, {problem.key for problem in problems})
        raise TuituneError(problems)
    answers = options.answers or recipe.objective.generations
    task = reward_task(recipe, Path.cwd(), prompts=options.prompts, answers=answers)
    found = result_of(task, recipe.data.train)
    if options.json:
        say_json(found)
    else:
        for number, prompt in enumerate(found["prompts"], start=1):
            _say_prompt(number, prompt)
        say_pairs(_summary(found))
    return Exit.DONE


def _show_unapproved(recipe: Recipe, keys: set[str]) -> None:
    """The Python file that is to be approved, as it stands."""
    from tuitune.rewards.python_file import source_of

    if "rewards.file" in keys:
        try:
            source = source_of(recipe.rewards.file).decode("utf-8", "replace")
        except ValueError:
            return
        note(clean(source, newlines=True))


def _say_prompt(number: int, prompt: Mapping[str, Any]) -> None:
    expected = [("expected", clean(prompt["expected"], limit=_SHOWN))] if prompt["expected"] else []
    say_pairs([(f"prompt {number}", clean(prompt["question"], limit=_SHOWN)), *expected])
    for one in sorted(prompt["answers"], key=lambda answer: -answer["reward"]):
        parts = "  ".join(f"{name} {number_text(score)}" for name, score in one["rewards"].items())
        cut = ", cut" if one["cut"] else ""
        say(f"  {one['reward']:>7.3g}  {parts}  ({one['tokens']} tokens{cut})  {clean(one['text'], limit=_SHOWN)}")
    if not prompt["spread"]:
        say("  all the same: this prompt would teach nothing")
    say("")


def _summary(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "model", found["model"]
    each = ", ".join(f"{name} {number_text(mean)}" for name, mean in found["rewards"].items())
    yield "mean reward", f"{number_text(found['reward'])}  ({each})"
    yield "with spread", f"{percent_text(found['spread'])} of the prompts: the others teach nothing"
    yield "cut", f"{percent_text(found['cut'])} of the answers reached objective.answer_length"
