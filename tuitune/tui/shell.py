"""The app as its screens know it: ways from one to another, the draft in hand, notices. It knows no screen itself."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING

from textual.app import App
from textual.notifications import Notify, SeverityLevel
from textual.screen import Screen

from tuitune.runs.store.directory import Run
from tuitune.text import clean
from tuitune.tui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from tuitune.recipe.schema import Recipe
    from tuitune.tui.drafting import Drafting

_MOST_TOASTS = 3
_LONGEST_NOTICE = 1_000
_STYLES = {"information": "$accent", "warning": "$warn"}
"""Severity of a notice that can stand in the key bar → its style there."""


class AppShell(App[str], inherit_bindings=False):
    """What a screen may ask of the app beside what any app of Textual can do."""

    # From screen to screen; Esc leads back to the list of runs

    @abstractmethod
    def new_run(self) -> None:
        """Compose a new run; where there is a draft, it is offered first."""

    @abstractmethod
    def open_monitor(self, run: Run) -> None:
        """Watch one run."""

    @abstractmethod
    def open_compose(self, recipe: Recipe | None = None) -> None:
        """Compose a run from `recipe`, the draft or the defaults."""

    def open_runs(self) -> None:
        """Back to the list of runs, from anywhere."""
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def switch_to(self, screen: Screen[None]) -> None:
        """Show a screen with the list of runs below it."""
        self.open_runs()
        self.push_screen(screen)

    @cached_property
    def drafting(self) -> Drafting:
        """What is being composed: kept here when its screen is left, and on disk for when the app is gone."""
        from tuitune.tui.drafting import Drafting

        return Drafting(self)

    def on_unmount(self) -> None:
        if "drafting" in vars(self):
            self.drafting.flush()

    # Notices

    def say(self, text: str) -> None:
        """Say something passing in one line, in the key bar of the screen on top."""
        bars = (bar for screen in reversed(self.screen_stack) for bar in screen.query(KeyBar))
        if bar := next(bars, None):
            bar.say(text)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notice. Texts may be foreign: they are cleaned and never read as markup, whatever `markup` says.

        One line without a title, and without a `timeout` of its own, stands in the key bar where it fits, so that it
        covers nothing; errors and all else are toasts.
        """
        message = clean(message, limit=_LONGEST_NOTICE, newlines=True)
        super().notify(message, title=clean(title, limit=80), severity=severity, timeout=timeout, markup=False)

    def _on_notify(self, event: Notify) -> None:
        """Say a notice in the key bar if it can; of toasts, at most three stand at once, and none twice."""
        notice = event.notification
        bar = next((bar for screen in self.screen_stack[-1:] for bar in screen.query(KeyBar)), None)
        style = None if notice.title or notice.timeout != self.NOTIFICATION_TIMEOUT else _STYLES.get(notice.severity)
        if style is not None and bar is not None and bar.fits(notice.message):
            bar.say(notice.message, style, seconds=notice.timeout)
            event.prevent_default()
            return
        same = [one for one in self._notifications if one.message == notice.message]
        others = [one for one in self._notifications if one not in same]
        for one in same + others[: max(len(others) + 1 - _MOST_TOASTS, 0)]:
            self._unnotify(one, refresh=False)
