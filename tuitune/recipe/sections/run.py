"""The [run] table: what the run is called, and how it is looked after."""

from __future__ import annotations

import shlex
from typing import Literal

from tuitune.recipe.declaration import SLUG, Section, rule, setting


class RunSection(Section):
    """Run"""

    name: str = setting(
        "my-run",
        "name",
        affects="nothing",
        change="never",
        always=True,
        expected="at most 64 lower-case letters, digits, '.', '_' and '-', a letter or digit first",
        pattern=SLUG,
    )
    """The run's name: lower-case letters, digits, '.', '_' and '-'."""
    notes: str = setting("", "notes", affects="nothing", lines=True, max_length=10_000)
    """Your notes on this run."""
    seed: int = setting(42, "seed", affects=("tokens", "training"), ge=0, le=2**32 - 1)
    """Seed of the data order, dropout and the adapter's initial weights."""
    on_oom: Literal["fail", "retry"] = setting("fail", "out of memory", affects="nothing")
    """When memory runs out: fail, or retry from the last checkpoint with half the batch size and twice the
    accumulation, which keeps the effective batch."""
    notify: str = setting(
        "",
        "notify command",
        affects="nothing",
        expected="a command such as notify-send tuitune; it gets the facts as TUITUNE_… variables and as JSON on its "
        "standard input",
        advanced=True,
        lines=True,
        max_length=1000,
    )
    """Command to run when the run ends or raises an alert, even with no screen open."""

    @rule("notify")
    def _command(self) -> str | None:
        try:
            shlex.split(self.notify)
        except ValueError as error:
            return f"cannot parse the command ({error}); close every quotation mark"
        return None
