"""`tuitune tune`: settings of a run changed while it trains."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from tuitune.cli.arguments import Parser
from tuitune.cli.completion import tunable_assignments
from tuitune.cli.output import Pairs
from tuitune.cli.requests import carry_out, changed
from tuitune.cli.settings_help import tunable_help
from tuitune.problem import Problem
from tuitune.runs.store import journal
from tuitune.runs.store.directory import Run, find
from tuitune.runs.store.records.training import Done, Tuned
from tuitune.text import clean
from tuitune.views.event_texts import value_text


def arguments(parser: Parser) -> None:
    parser.appendix = tunable_help
    parser.take("run", "--no-wait", "--json")
    parser.add_argument(
        "changes",
        metavar="KEY=VALUE",
        nargs="+",
        help="such as learning_rate=1e-4 or checkpoints.every=50; the keys are listed below",
        completer=tunable_assignments,
    )


def tune(options: argparse.Namespace) -> int:
    changes = changed(find(options.run), _full_keys(options.changes))
    return carry_out(options, "tune", _result, _pairs, changes=changes)


def _full_keys(assignments: Sequence[str]) -> list[str]:
    """The assignments with every key written out: `learning_rate=1e-4` is `training.learning_rate=1e-4`.

    RecipeError names the keys that cannot be changed while a run trains, or are not unique, and what can be.
    """
    from tuitune.recipe.check import RecipeError
    from tuitune.recipe.tunable import TUNABLE

    problems, full = [], []
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        key = key.strip()
        meant = [key] if key in TUNABLE else sorted(known for known in TUNABLE if known.partition(".")[2] == key)
        if len(meant) == 1:
            full.append(f"{meant[0]}{separator}{value}")
        elif meant:
            problems.append(Problem(clean(key, limit=60), f"this can be {' or '.join(meant)}; write the whole key"))
        else:
            refusal = f"cannot be changed while a run trains; tunable are: {', '.join(sorted(TUNABLE))}"
            problems.append(Problem(clean(key, limit=60), refusal))
    if problems:
        raise RecipeError(problems)
    return full


def _result(run: Run, done: Done) -> dict[str, Any] | None:
    """The changes and the first step that they hold for."""
    for tuned in map(Tuned.read, journal.backwards(run.metrics_file, Tuned.kind)):
        if tuned.nonce == done.nonce:
            return {"changes": tuned.changes or {}, "from_step": (tuned.step or 0) + 1}
    return None


def _pairs(found: dict[str, Any]) -> Pairs:
    changes = [(key, value_text(value)) for key, value in found["changes"].items()]
    return [*changes, ("in effect", f"from step {found['from_step']:,} on")]
