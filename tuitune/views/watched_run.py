"""A run as the monitor follows it: with the answers to requests and the settings as they are after being tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuitune.problem import TuituneError
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.directory import read_recipe
from tuitune.runs.store.records.line import Line, is_number
from tuitune.runs.store.records.training import Done

if TYPE_CHECKING:
    from tuitune.recipe.schema import Recipe


class WatchedRun(RunView):
    """Beside what `RunView` has: `done`, the engine's answers to requests."""

    def _restart(self) -> None:
        self.done: list[Done] = []
        super()._restart()

    def take(self, line: Line) -> None:
        super().take(line)
        if isinstance(line, Done):
            self.done.append(line)

    def figure(self, key: str) -> float | None:
        """The number that a setting is; None where it is none, or not known."""
        value = self.setting(key)
        return value if is_number(value) else None

    def current_recipe(self) -> Recipe:
        """The recipe with everything that was tuned in place. TuituneError where its file is damaged."""
        from tuitune.recipe.tunable import TUNABLE, tune

        recipe = read_recipe(self.run)
        for line in self.tuned:
            known = {key: value for key, value in (line.changes or {}).items() if key in TUNABLE}
            try:
                recipe = tune(recipe, known) if known else recipe
            except TuituneError:  # a record that this version does not understand
                continue
        return recipe
