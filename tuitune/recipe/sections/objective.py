"""The [objective] table: what is optimised."""

from __future__ import annotations

from typing import Literal

from tuitune.recipe.declaration import Entails, Section, setting


class ObjectiveSection(Section):
    """Objective"""

    kind: Literal["sft"] = setting(
        "sft",
        "objective",
        "Training objective: sft is supervised fine-tuning on example answers.",
        Entails(("tokens", "training"), change="until it trains"),
    )
