"""What can be done with the run under the cursor of the home screen, and without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from tuitune.problem import TuituneError
from tuitune.tui.run_line import READING, RunLine
from tuitune.tui.screens.base import TuituneScreen

if TYPE_CHECKING:
    from tuitune.runs.directory import Run


class RunActions(TuituneScreen):
    """The actions of the home screen, over whatever `current` says is under the cursor."""

    class Launched(Message):
        """A run was started."""

        def __init__(self, run: Run) -> None:
            super().__init__()
            self.run = run

    def __init__(self) -> None:
        super().__init__()
        self._launching = False

    def current(self) -> RunLine | None:
        """The run under the cursor; None where there is none."""
        raise NotImplementedError

    def why_disabled(self, name: str) -> str | None:
        if name == "demo" and self._launching:
            return "The demo is being started"
        if name not in ("open", "again", "stop", "delete"):
            return None
        line = self.current()
        if line is None:
            return "There is no run under the cursor: n composes one, D starts the demo"
        if name == "stop" and not line.live:
            return f"{line.run.name} has ended already" if line.state != READING else "The run is still being read"
        if name == "stop" and line.state == "stopping":
            return f"{line.run.name} is stopping already"
        if name == "delete" and line.live:
            return f"{line.run.name} is {line.state}: stop it first"
        return None

    def action_new(self) -> None:
        self.workbench.open_compose()

    def action_open(self) -> None:
        if line := self.current():
            self.workbench.open_monitor(line.run)

    def action_again(self) -> None:
        from tuitune.recipe.document import read

        if line := self.current():
            try:
                self.workbench.open_compose(read(line.run.recipe_file))
            except TuituneError as refusal:
                self.notify(str(refusal), title="Its recipe cannot be read", severity="error")

    def action_demo(self) -> None:
        from tuitune.recipe.presets import demo_recipe
        from tuitune.runs.launcher import launch

        def start() -> None:
            self.post_message(self.Launched(launch(demo_recipe())))

        self._launching = True
        self.refresh_keys()
        self._in_background(start, "The demo did not start")

    @on(Launched)
    def _watch_launched(self, message: Launched) -> None:
        self._launching = False
        self.workbench.open_monitor(message.run)

    def action_stop(self) -> None:
        from tuitune.runs.control import request
        from tuitune.tui.widgets.dialogs import Confirm

        if (line := self.current()) is None:
            return
        run = line.run

        def answered(yes: bool | None) -> None:
            if yes:
                self._in_background(lambda: request(run, "stop"), f"{run.name} cannot be stopped")

        question = f"{run.name} ends at its next step and keeps what it has learned: its adapter is saved."
        self.app.push_screen(Confirm("Stop this run?", question), answered)

    def action_delete(self) -> None:
        from tuitune.runs.deletion import delete
        from tuitune.tui.widgets.dialogs import Confirm

        if (line := self.current()) is None:
            return
        run = line.run

        def answered(yes: bool | None) -> None:
            if yes:
                self._in_background(lambda: delete(run), f"{run.name} was not deleted")

        question = f"This removes the run's curves, samples, checkpoints and adapter for good:\n{run.path}"
        self.app.push_screen(Confirm("Delete this run?", question, word=run.name), answered)

    @work(thread=True, exit_on_error=False)
    def _in_background(self, job: Callable[[], object], failure: str) -> None:
        try:
            job()
        except (TuituneError, OSError) as error:
            self.app.call_later(self._failed, str(error), failure)

    def _failed(self, message: str, title: str) -> None:
        self._launching = False
        self.refresh_keys()
        self.notify(message, title=title, severity="error")

    def action_quit(self) -> None:
        self.workbench.leave_app()
