"""`tuitune tune`: settings of a run changed while it trains."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tuitune.cli.arguments import Parser, add_json, add_run, add_wait
from tuitune.cli.completion import completed, tunable_assignments
from tuitune.cli.output import Pairs
from tuitune.cli.settings_help import tunable_help
from tuitune.problem import Problem
from tuitune.text import clean

if TYPE_CHECKING:
    from tuitune.runs.store.directory import Run
    from tuitune.runs.store.records import Record


def arguments(parser: Parser) -> None:
    parser.appendix = tunable_help
    add_run(parser)
    add_wait(parser)
    add_json(parser)
    changes = parser.add_argument(
        "changes",
        metavar="KEY=VALUE",
        nargs="+",
        help="such as learning_rate=1e-4 or checkpoints.every=50; the keys are listed below",
    )
    completed(changes, tunable_assignments)


def tune(options: argparse.Namespace) -> int:
    from tuitune.cli.changes import changed
    from tuitune.cli.requests import carry_out
    from tuitune.runs.store.directory import find

    changes = changed(find(options.run), _full_keys(options.changes))
    return carry_out(options, "tune", {"changes": changes}, _result, _pairs)


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


def _result(run: Run, done: Record) -> dict[str, Any] | None:
    """The changes and the first step that they hold for."""
    from tuitune.runs.store import journal
    from tuitune.runs.store.records import table, whole

    for record in journal.backwards(run.metrics_file, "tuned"):
        if record.get("nonce") == done.get("nonce"):
            return {"changes": table(record, "changes"), "from_step": (whole(record, "step") or 0) + 1}
    return None


def _pairs(found: dict[str, Any]) -> Pairs:
    from tuitune.views.event_texts import value_text

    changes = [(key, value_text(value)) for key, value in found["changes"].items()]
    return [*changes, ("in effect", f"from step {found['from_step']:,} on")]
