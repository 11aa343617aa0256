"""What the keys of the monitor do that look at the run and change nothing about it."""

from __future__ import annotations

import asyncio
from functools import partialmethod
from typing import TYPE_CHECKING

from tuitune.runs.read import usage
from tuitune.runs.store import files
from tuitune.text import clean, redact
from tuitune.tui import clipboard
from tuitune.tui.monitor.monitor_control import MonitorControl
from tuitune.tui.monitor.run_charts import PAN, ZOOM, RunCharts
from tuitune.tui.monitor.run_panes import RunPanes
from tuitune.tui.monitor.samples import SamplesView
from tuitune.tui.widgets.dialogs import TextView

RECIPE_LIMIT = 1 << 20

_NEED_POINTS = {
    "zoom_in", "zoom_out", "pan_left", "pan_right", "fit", "follow", "log_scale", "smooth", "x_axis", "mark",
}  # fmt: skip
_NEED_SAMPLES = {"sample_earlier", "sample_later", "sample_prompt"}


class MonitorKeys(MonitorControl):
    """Panes, charts, samples, and the run's recipe and path."""

    panes: RunPanes

    if TYPE_CHECKING:

        def draw(self) -> None: ...
        async def read(self) -> None: ...

    @property
    def _charts(self) -> RunCharts:
        return self.panes.charts

    @property
    def _samples(self) -> SamplesView:
        return self.panes.samples

    @property
    def last_prompt(self) -> str:
        return self._samples.book.last_asked

    def why_disabled(self, name: str) -> str | None:
        if name in _NEED_POINTS and self._charts.window is None:
            return "nothing on the charts yet"
        if name in ("pan_left", "pan_right", "fit", "follow") and self._charts.viewport.whole:
            return "the whole run is in view; + zooms in"
        if name in _NEED_SAMPLES and not self._samples.book.prompts:
            return "no samples yet"
        if name == "usage" and usage.result(self.run) is None:
            return f"{clean(self.run.name)} has no result to use yet"
        return super().why_disabled(name)

    # Panes

    def _show_pane(self, number: int) -> None:
        self.panes.show_pane(number)

    action_pane_1 = partialmethod(_show_pane, 1)
    action_pane_2 = partialmethod(_show_pane, 2)
    action_pane_3 = partialmethod(_show_pane, 3)
    action_pane_4 = partialmethod(_show_pane, 4)
    action_pane_5 = partialmethod(_show_pane, 5)
    action_pane_6 = partialmethod(_show_pane, 6)
    action_pane_7 = partialmethod(_show_pane, 7)

    def action_next_pane(self) -> None:
        self.panes.turn(1)

    def action_previous_pane(self) -> None:
        self.panes.turn(-1)

    def action_zoom_pane(self) -> None:
        self.panes.zoom()

    def leave(self) -> bool:
        if not self.panes.zoomed:
            return False
        self.panes.zoom()
        return True

    # Charts

    def _zoom(self, factor: float) -> None:
        self._charts.zoom(factor)
        self.draw()

    action_zoom_in = partialmethod(_zoom, ZOOM)
    action_zoom_out = partialmethod(_zoom, 1 / ZOOM)

    def _pan(self, share: float) -> None:
        self._charts.pan(share)
        self.draw()

    action_pan_left = partialmethod(_pan, -PAN)
    action_pan_right = partialmethod(_pan, PAN)

    def action_fit(self) -> None:
        self._charts.viewport.fit()
        self.draw()

    def action_follow(self) -> None:
        self._charts.viewport.follow()
        self.draw()

    def action_log_scale(self) -> None:
        self._charts.log = not self._charts.log
        self.draw()

    async def action_smooth(self) -> None:
        self._charts.next_weight()
        await self.read()

    def action_x_axis(self) -> None:
        self._charts.next_axis()
        self.draw()

    def action_mark(self) -> None:
        if self._charts.mark():
            self.draw()

    # Samples

    def _walk_samples(self, by: int) -> None:
        self._samples.book.walk(by)
        self._samples.redraw()
        self.panes.draw_samples(self.view)

    action_sample_earlier = partialmethod(_walk_samples, -1)
    action_sample_later = partialmethod(_walk_samples, 1)

    def action_sample_prompt(self) -> None:
        self._samples.book.next_prompt()
        self._walk_samples(0)

    # The run

    def action_recipe(self) -> None:
        try:
            text = files.read_bytes(self.run.recipe_file, RECIPE_LIMIT).decode("utf-8", "replace")
        except OSError as error:
            self.notify(f"the recipe cannot be read: {error.strerror}", severity="error")
            return
        self.app.push_screen(TextView(f"{self.run.name} · recipe.toml", redact(text)))

    async def action_usage(self) -> None:
        text = usage.usage(self.run, self.view.recipe)
        self.app.push_screen(TextView(f"{self.run.name} · from Python", text))
        self.notify(await asyncio.to_thread(clipboard.copy, text, self.app.copy_to_clipboard))

    async def action_copy_path(self) -> None:
        path = self.view.summary.adapter or str(self.run.path)
        done = await asyncio.to_thread(clipboard.copy, path, self.app.copy_to_clipboard)
        self.notify(f"{path}\n{done}")
