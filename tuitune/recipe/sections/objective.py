"""The [objective] table: what is optimised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tuitune.objectives import TRAINED
from tuitune.recipe.declaration import Needs, Section, setting

if TYPE_CHECKING:
    ObjectiveName = str
else:
    ObjectiveName = Literal[tuple(TRAINED)]


def objectives_that_read(key: str) -> tuple[Needs, ...]:
    """That the objective is one of those that read a setting; nothing where each of them does."""
    readers = [name for name, objective in TRAINED.items() if key in objective.settings]
    return () if len(readers) == len(TRAINED) else (Needs("objective.kind", *readers),)


_HELP = "Training objective: " + "; ".join(f"{one.name} is {one.title} on {one.examples}" for one in TRAINED.values())


class ObjectiveSection(Section):
    """Objective"""

    kind: ObjectiveName = setting(
        "sft", "objective", affects=("tokens", "training"), change="until it trains", help=f"{_HELP}."
    )
