"""A run as the monitor follows it: with the answers to requests and the settings as they are after being tuned."""

from __future__ import annotations

from typing import Any

from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.runs.directory import read_recipe
from tuitune.runs.records import Record, number, table, text
from tuitune.runs.summary import RunView


class WatchedRun(RunView):
    """Beside what `RunView` has: `done`, the engine's answers to requests, and `tuned`, the changes that it made."""

    def _restart(self) -> None:
        self.done: list[Record] = []
        self.tuned: list[Record] = []
        super()._restart()

    def take(self, record: Record) -> None:
        super().take(record)
        match record.get("kind"):
            case "done":
                self.done.append(record)
            case "tuned" if table(record, "changes"):
                self.tuned.append(record)

    def setting(self, key: str) -> Any:
        """The value that the run goes by now; None where that is not known."""
        tuned = next((record["changes"] for record in reversed(self.tuned) if key in record["changes"]), None)
        section, name = key.split(".")
        return tuned[key] if tuned is not None else self.recipe.get(section, {}).get(name)

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
