"""Which part of the x axis is shown: the whole run, or a window that is zoomed, panned or rides on the newest point."""

from __future__ import annotations

from tuitune.tui.charts.scale import nice_step


class Viewport:
    """A window on x, shared by the charts of a run.

    While it follows (`at` is None) its right edge moves with the newest point in small jumps, not at every point,
    so that most frames differ from the one before only where something was drawn.
    """

    MIN_STEPS = 5
    HEADROOM = 0.1
    SHORT = 200
    """A run of at most so many steps is shown up to its end from its first step on."""

    def __init__(self) -> None:
        self.span: float | None = None
        self.at: float | None = None
        self._edge: float | None = None

    @property
    def following(self) -> bool:
        return self.at is None

    @property
    def whole(self) -> bool:
        """Whether the whole run is shown."""
        return self.span is None and self.at is None

    def window(
        self, first: float, newest: float, *, end: float | None = None, final: bool = False
    ) -> tuple[float, float]:
        """Left and right edge for data from `first` to `newest`; `end`: where it will end; `final`: it has ended."""
        newest = max(newest, first)
        if self.span is None:
            right = newest if final else self._advance(newest, first, newest - first, end)
            return first, max(right, first + max(1.0, abs(first) * 1e-9))
        if self.at is not None:
            return self.at - self.span, self.at
        right = max(newest, first + self.span) if final else self._advance(newest, first, self.span, end)
        return right - self.span, right

    def _advance(self, newest: float, first: float, span: float, end: float | None) -> float:
        """The right edge of a live run: held until the newest point passes it, then moved by a tenth of the width."""
        if end is not None and end >= newest and self.span is None:
            length = end - first
            if length <= self.SHORT or newest - first >= 0.7 * length:
                return end
        ahead = newest + span * self.HEADROOM
        if self._edge is None or not newest <= self._edge <= newest + 2 * max(span, 1) * self.HEADROOM + 10:
            step = nice_step(max(span, 1), 10)
            self._edge = -(-ahead // step) * step if self.span is None else ahead
        return self._edge

    def zoom(self, factor: float, window: tuple[float, float], first: float, newest: float, unit: float = 1.0) -> None:
        """Show `factor` times as much x. At the right edge it keeps following; elsewhere the centre stays where it is.

        `unit` is how much x one step takes, which sets the smallest window; nothing wider than the run is kept.
        """
        low, high = window
        span = max((high - low) * factor, self.MIN_STEPS * unit)
        if span >= newest - first:
            self.fit()
            return
        if self.at is not None or not low <= newest <= high + unit:
            self.at = min(max((low + high + span) / 2, first + span), newest)
        self.span, self._edge = span, None
        if self.at is not None and self.at >= newest:
            self.at = None

    def pan(self, share: float, window: tuple[float, float], first: float, newest: float) -> None:
        """Move by a share of the window's width, within the run; at its newest point the window follows again."""
        if self.span is None:
            return
        right = max(window[1] + share * self.span, first + self.span)
        self.at = None if right >= newest else right
        self._edge = None

    def follow(self) -> None:
        self.at, self._edge = None, None

    def fit(self) -> None:
        self.span = self.at = self._edge = None
