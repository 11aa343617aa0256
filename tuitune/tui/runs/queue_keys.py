"""What can be done with a run that waits: another recipe, another place in the queue."""

from __future__ import annotations

from collections.abc import Callable

from tuitune.runs.store.directory import read_recipe
from tuitune.tui.base import Handler, TuituneScreen
from tuitune.tui.run_control import RunControl
from tuitune.views.run_line import READING, RunLine

QUEUE = frozenset({"edit", "queue_earlier", "queue_later"})


class QueueKeys(Handler):
    """The actions on the queued run that `current` gives; asked for only where there is one."""

    def __init__(self, screen: TuituneScreen, control: RunControl, current: Callable[[], RunLine]) -> None:
        super().__init__(screen)
        self._control = control
        self._current = current

    def why_disabled(self, name: str) -> str | None:
        return _why_not_ordered(name, self._current()) if name in QUEUE else None

    def action_edit(self) -> None:
        from tuitune.tui.compose.edit import EditScreen

        run = self._current().run
        with self.telling("Its recipe cannot be read"):
            self.screen.app.switch_to(EditScreen(run, read_recipe(run)))

    def action_queue_earlier(self) -> None:
        self._move(-1)

    def action_queue_later(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        from tuitune.runs.queue import order

        run, verb = self._current().run, "queue_earlier" if by < 0 else "queue_later"
        keeps = f"{run.name} keeps its place"
        self._control.begin(run, verb, lambda: order.move(run, order.turn(run)[0] + by), keeps)


def _why_not_ordered(name: str, line: RunLine) -> str | None:
    """Why a run's place in the queue, or its recipe, is not to be changed now."""
    if line.state == READING:
        return "Still reading the run"
    if line.state != "queued":
        remedy = "a composes a new run from its recipe" if name == "edit" else "only a queued run has a place"
        return f"{line.run.name} is {line.state}: {remedy}"
    if name != "edit" and not line.place:
        return f"{line.run.name} has no place in the queue yet"
    if name == "queue_earlier" and line.place == 1:
        return f"{line.run.name} is already first in the queue"
    if name == "queue_later" and line.place == line.waiting:
        return f"{line.run.name} is already last in the queue"
    return None
