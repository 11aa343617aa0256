"""The [run] table: what the run is called, and how it is looked after."""

from __future__ import annotations

import shlex
from typing import Literal

from tuitune.recipe.declaration import SLUG, Entails, Section, rule, setting


class RunSection(Section):
    """Run"""

    name: str = setting(
        "my-run",
        "name",
        "The run's name: lower-case letters, digits, '.', '_' and '-'.",
        Entails("nothing", change="never"),
        always=True,
        expected="at most 64 lower-case letters, digits, '.', '_' and '-', a letter or digit first",
        pattern=SLUG,
    )
    notes: str = setting("", "notes", "Your notes on this run.", Entails("nothing"), lines=True, max_length=10_000)
    seed: int = setting(
        42,
        "seed",
        "Seed of the data order, dropout and the adapter's initial weights.",
        Entails(("tokens", "training")),
        ge=0,
        le=2**32 - 1,
    )
    on_oom: Literal["fail", "retry"] = setting(
        "fail",
        "out of memory",
        "When memory runs out: fail, or retry from the last checkpoint with half the batch size and twice the "
        "accumulation, which keeps the effective batch.",
        Entails("nothing"),
    )
    notify: str = setting(
        "",
        "notify command",
        "A command of yours that runs when the run ends or raises an alert, with no screen open too.",
        Entails("nothing"),
        expected="a command such as notify-send tuitune; it gets the facts as TUITUNE_… variables and as JSON on its "
        "standard input",
        advanced=True,
        lines=True,
        max_length=1000,
    )

    @rule("notify")
    def _command(self) -> str | None:
        try:
            shlex.split(self.notify)
        except ValueError as error:
            return f"cannot parse the command ({error}); close every quotation mark"
        return None
