"""What the keys of the monitor do with its charts and its samples."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partialmethod

from tuitune.tui.base import Handler, TuituneScreen
from tuitune.tui.monitor.run_charts import PAN, ZOOM, RunCharts
from tuitune.tui.monitor.run_panes import RunPanes
from tuitune.views.watched_run import WatchedRun

_NEED_POINTS = {
    "zoom_in", "zoom_out", "pan_left", "pan_right", "fit", "follow", "log_scale", "smooth", "x_axis", "mark",
}  # fmt: skip
_NEED_SAMPLES = {"sample_earlier", "sample_later", "sample_prompt"}


class ChartKeys(Handler):
    """What part of the run the charts show, and how. `draw` draws the run anew, `read` reads it anew."""

    def __init__(
        self,
        screen: TuituneScreen,
        charts: RunCharts,
        draw: Callable[[], object],
        read: Callable[[], Awaitable[object]],
    ) -> None:
        super().__init__(screen)
        self._charts = charts
        self._draw = draw
        self._read = read

    def why_disabled(self, name: str) -> str | None:
        if name in _NEED_POINTS and self._charts.window is None:
            return "nothing on the charts yet"
        if name in ("pan_left", "pan_right", "fit", "follow") and self._charts.viewport.whole:
            return "the whole run is in view; + zooms in"
        return None

    def _zoom(self, factor: float) -> None:
        self._charts.zoom(factor)
        self._draw()

    action_zoom_in = partialmethod(_zoom, ZOOM)
    action_zoom_out = partialmethod(_zoom, 1 / ZOOM)

    def _pan(self, share: float) -> None:
        self._charts.pan(share)
        self._draw()

    action_pan_left = partialmethod(_pan, -PAN)
    action_pan_right = partialmethod(_pan, PAN)

    def action_fit(self) -> None:
        self._charts.viewport.fit()
        self._draw()

    def action_follow(self) -> None:
        self._charts.viewport.follow()
        self._draw()

    def action_log_scale(self) -> None:
        self._charts.log = not self._charts.log
        self._draw()

    async def action_smooth(self) -> None:
        self._charts.next_weight()
        await self._read()

    def action_x_axis(self) -> None:
        self._charts.next_axis()
        self._draw()

    def action_mark(self) -> None:
        if self._charts.mark():
            self._draw()


class SampleKeys(Handler):
    """Which sample is shown, of which prompt."""

    def __init__(self, screen: TuituneScreen, panes: RunPanes, view: WatchedRun) -> None:
        super().__init__(screen)
        self._panes = panes
        self._view = view

    def why_disabled(self, name: str) -> str | None:
        return "no samples yet" if name in _NEED_SAMPLES and not self._panes.samples.book.prompts else None

    def _walk(self, by: int) -> None:
        self._panes.samples.book.walk(by)
        self._panes.samples.redraw()
        self._panes.draw_samples(self._view)

    action_sample_earlier = partialmethod(_walk, -1)
    action_sample_later = partialmethod(_walk, 1)

    def action_sample_prompt(self) -> None:
        self._panes.samples.book.next_prompt()
        self._walk(0)
