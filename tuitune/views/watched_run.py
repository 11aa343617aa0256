"""A run as the monitor follows it: with the answers to requests and the settings as they are after being tuned."""

from __future__ import annotations

from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.summary import RunView
from tuitune.runs.store.directory import read_recipe
from tuitune.runs.store.records import Record, number, text


class WatchedRun(RunView):
    """Beside what `RunView` has: `done`, the engine's answers to requests."""

    def _restart(self) -> None:
        self.done: list[Record] = []
        super()._restart()

    def take(self, record: Record) -> None:
        super().take(record)
        if record.get("kind") == "done":
            self.done.append(record)

    def figure(self, key: str) -> float | None:
        """The number that a setting is; None where it is none, or not known."""
        return number({key: self.setting(key)}, key)

    def current_recipe(self) -> Recipe:
        """The recipe with everything that was tuned in place. TuituneError where its file is damaged."""
        from tuitune.recipe.tunable import TUNABLE, tune

        recipe = read_recipe(self.run)
        for record in self.tuned:
            known = {key: value for key, value in record["changes"].items() if key in TUNABLE}
            try:
                recipe = tune(recipe, known) if known else recipe
            except TuituneError:  # a record that this version does not understand
                continue
        return recipe

    def verb_of(self, step: float, message: str) -> str:
        """What was asked where the answer at `step` was `message`; "" where that is not known."""
        found = (record for record in self.done if record.get("step") == step and record.get("message") == message)
        return text(next(found, {}), "verb")
