"""The demo: a run of the bundled model on bundled data, started with one key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuitune.problem import TuituneError
from tuitune.tui.base import Handler, TuituneScreen

if TYPE_CHECKING:
    from tuitune.runs.store.directory import Run


class DemoKey(Handler):
    """Starts the demo and leads to its monitor."""

    def __init__(self, screen: TuituneScreen) -> None:
        super().__init__(screen)
        self._launching = False

    def why_disabled(self, name: str) -> str | None:
        return "The demo is starting" if name == "demo" and self._launching else None

    def action_demo(self) -> None:
        self._launching = True
        self.screen.refresh_keys()
        self.screen.run_worker(self._launch, name="Starting the demo", thread=True, exit_on_error=False)

    def _launch(self) -> None:
        from tuitune.recipe.presets import demo_recipe
        from tuitune.runs.launcher import launch

        app = self.screen.app
        try:
            app.call_later(self._watch, launch(demo_recipe()))
        except (TuituneError, OSError) as error:
            app.call_later(self._say_why_not, str(error))

    def _watch(self, run: Run) -> None:
        self._launching = False
        self.screen.app.open_monitor(run)

    def _say_why_not(self, reason: str) -> None:
        self._launching = False
        self.screen.refresh_keys()
        self.screen.notify(reason, title="The demo did not start", severity="error")
