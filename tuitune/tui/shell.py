"""The app as its screens know it: ways from one to another, the draft in hand, notices. It knows no screen itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.css.query import NoMatches
from textual.notifications import Notification, Notify, SeverityLevel
from textual.screen import Screen

from tuitune.text import clean
from tuitune.tui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from tuitune.recipe.schema import Recipe
    from tuitune.runs.store.directory import Run
    from tuitune.tui.drafting import Drafting
    from tuitune.views.draft import Draft

_MOST_TOASTS = 3
_LONGEST_NOTICE = 1_000
_STYLES = {"information": "$accent", "warning": "$warn"}
"""Severity of a notice that can stand in the key bar → its style there."""


@dataclass(frozen=True)
class Routes:
    """How screens are made: `app.py`, which knows them all, fills it in, so that none has to know another.

    `offer_draft` asks whether to go on with a draft that is there, and opens Compose then; False where there is none.
    `edit` raises TuituneError where the recipe of the run is damaged.
    """

    monitor: Callable[[Run], Screen[None]]
    compose: Callable[[Draft], Screen[None]]
    edit: Callable[[Run], Screen[None]]
    offer_draft: Callable[[AppShell], bool]


class AppShell(App[str], inherit_bindings=False):
    """What a screen may ask of the app beside what any app of Textual can do."""

    ROUTES: ClassVar[Routes]

    # From screen to screen

    def open_runs(self) -> None:
        """Back to the list of runs, from anywhere."""
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def open_monitor(self, run: Run) -> None:
        """Watch one run; Esc leads back to the list of runs."""
        self._open(self.ROUTES.monitor(run))

    def new_run(self) -> None:
        """Compose a new run; where there is a draft, it is offered first."""
        if not self.ROUTES.offer_draft(self):
            self.open_compose()

    def open_compose(self, recipe: Recipe | None = None) -> None:
        """Compose a run from `recipe`, the draft or the defaults; Esc leads back to the list of runs."""
        self._open(self.ROUTES.compose(self.drafting.take_up(recipe)))

    def open_edit(self, run: Run) -> None:
        """Change the recipe of a waiting run; Esc leads back to the list of runs. TuituneError where it is damaged."""
        self._open(self.ROUTES.edit(run))

    def _open(self, screen: Screen[None]) -> None:
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
        for screen in reversed(self.screen_stack):
            try:
                screen.query_one(KeyBar).say(text)
                return
            except NoMatches:
                continue

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
        """Say a notice in the key bar where it can, else make room, so that at most three toasts stand at once and none
        twice.
        """
        if self._said_below(event.notification):
            event.prevent_default()
            return
        same = [notice for notice in self._notifications if notice.message == event.notification.message]
        others = [notice for notice in self._notifications if notice not in same]
        for notice in same + others[: max(len(others) + 1 - _MOST_TOASTS, 0)]:
            self._unnotify(notice, refresh=False)

    def _said_below(self, notice: Notification) -> bool:
        """Whether a notice went to the key bar of the screen on top."""
        bar = next(iter(self.screen.query(KeyBar)), None)
        style = _STYLES.get(notice.severity)
        if notice.title or notice.timeout != self.NOTIFICATION_TIMEOUT or style is None:
            return False
        if bar is None or not bar.fits(notice.message):
            return False
        bar.say(notice.message, style, seconds=notice.timeout)
        return True
