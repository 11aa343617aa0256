"""What can be done on the home screen, with the run under the cursor and without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from tuitune.problem import TuituneError
from tuitune.tui.run_control import CONTROLS, RunControl
from tuitune.views.run_line import READING, RunLine

if TYPE_CHECKING:
    from tuitune.runs.store.directory import Run

_QUEUE = frozenset({"edit", "queue_earlier", "queue_later"})
_NEED_A_RUN = CONTROLS | _QUEUE | {"open", "again"}


class RunActions(RunControl):
    """The actions of the home screen, over whatever `current` says is under the cursor."""

    class Launched(Message):
        """A run was started."""

        def __init__(self, run: Run) -> None:
            super().__init__()
            self.run = run

    class NotLaunched(Message):
        """A run could not be started."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(self) -> None:
        super().__init__()
        self._launching = False

    def current(self) -> RunLine | None:
        """The run under the cursor; None where there is none."""
        raise NotImplementedError

    @property
    def why_no_run(self) -> str:
        """Why there is no run under the cursor."""
        return "No run here: n composes one, D starts the demo"

    def controlled(self) -> tuple[Run, str] | None:
        line = self.current()
        return (line.run, line.state) if line else None

    def why_disabled(self, name: str) -> str | None:
        if name == "demo" and self._launching:
            return "The demo is starting"
        if name not in _NEED_A_RUN:
            return None
        if (line := self.current()) is None:
            return self.why_no_run
        return _why_not_ordered(name, line) if name in _QUEUE else super().why_disabled(name)

    def action_new(self) -> None:
        self.app.new_run()

    def action_open(self) -> None:
        if line := self.current():
            self.app.open_monitor(line.run)

    # The queue

    def action_edit(self) -> None:
        if line := self.current():
            try:
                self.app.open_edit(line.run)
            except TuituneError as refusal:
                self.notify(str(refusal), title="Its recipe cannot be read", severity="error")

    def action_queue_earlier(self) -> None:
        self._move(-1)

    def action_queue_later(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        from tuitune.runs.queue import order

        if line := self.current():
            run = line.run
            verb = "queue_earlier" if by < 0 else "queue_later"
            self._begin(run, verb, lambda: order.move(run, order.turn(run)[0] + by), f"{run.name} keeps its place")

    # The demo

    def action_demo(self) -> None:
        self._launching = True
        self.refresh_keys()
        self._launch_demo()

    @work(thread=True, exit_on_error=False)
    def _launch_demo(self) -> None:
        from tuitune.recipe.presets import demo_recipe
        from tuitune.runs.launcher import launch

        try:
            self.post_message(self.Launched(launch(demo_recipe())))
        except (TuituneError, OSError) as error:
            self.post_message(self.NotLaunched(str(error)))

    @on(Launched)
    def _watch_launched(self, message: Launched) -> None:
        self._launching = False
        self.app.open_monitor(message.run)

    @on(NotLaunched)
    def _say_why_not(self, message: NotLaunched) -> None:
        self._launching = False
        self.refresh_keys()
        self.notify(message.reason, title="The demo did not start", severity="error")


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
