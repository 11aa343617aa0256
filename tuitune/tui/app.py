"""The app: screens, themes, keys that work everywhere, and leaving in good order whatever happens to the terminal."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
import traceback
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text
from textual import on, work
from textual.actions import SkipAction
from textual.app import App
from textual.binding import Binding
from textual.css.query import NoMatches
from textual.driver import Driver
from textual.events import Key
from textual.filter import LineFilter
from textual.notifications import Notification, Notify, SeverityLevel
from textual.reactive import Initialize, Reactive
from textual.screen import Screen
from textual.theme import Theme

from tuitune.paths import drafts_home
from tuitune.problem import TuituneError
from tuitune.text import clean, redact
from tuitune.tui import keyboard, settings, terminal
from tuitune.tui.actions import EVERYWHERE, bindings
from tuitune.tui.base import TuituneScreen
from tuitune.tui.egress import ASCII_ONLY, EGRESS
from tuitune.tui.runs.screen import RunsScreen
from tuitune.tui.themes import DEFAULT_THEME, TERMINAL_THEME, load_themes
from tuitune.tui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from tuitune.recipe.schema import Recipe
    from tuitune.runs.store.directory import Run
    from tuitune.tui.drafting import Drafting

_MOST_TOASTS = 3
_LONGEST_NOTICE = 1_000
_STYLES = {"information": "$accent", "warning": "$warn"}
"""Severity of a notice that can stand in the key bar → its style there."""

_INTERRUPT_AGAIN_SECONDS = 5.0


class TuituneApp(App[str], inherit_bindings=False):
    """The screen of tuitune. `run()` returns a line to print once the terminal is restored, or None."""

    TITLE = "tuitune"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    ENABLE_COMMAND_PALETTE = False
    NOTIFICATION_TIMEOUT = 6
    BINDINGS = [
        *bindings(EVERYWHERE),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
        Binding("ctrl+z", "to_the_shell", show=False, priority=True),
    ]

    def _first_theme(self) -> str:
        chosen = TERMINAL_THEME if "NO_COLOR" in os.environ else settings.remembered("theme")
        return chosen if chosen in self._found.themes else DEFAULT_THEME

    theme: Reactive[str] = Reactive(Initialize(_first_theme))

    def __init__(self, run: Run | None = None) -> None:
        """`run` is opened in the monitor at once; without one the app starts on the list of runs."""
        self._found = load_themes()
        super().__init__()
        self._first_run = run
        self._interrupted_at = float("-inf")
        self._guard = terminal.Guard()
        self.ascii_only = not terminal.speaks_utf8()
        self.set_class(self.ascii_only, "-ascii", update=False)
        if "TEXTUAL_ANIMATIONS" not in os.environ:
            self.animation_level = "none"

    def get_driver_class(self) -> type[Driver]:
        return keyboard.Driver

    @property
    def available_themes(self) -> dict[str, Theme]:
        """The themes of the `themes` folders; none of Textual's own."""
        return self._found.themes

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's filters, then ours: what they let through is all that ever reaches the terminal."""
        return [*super().get_line_filters(), EGRESS, *([ASCII_ONLY] if self.ascii_only else [])]

    # Screens

    def get_default_screen(self) -> Screen[None]:
        return RunsScreen()

    def open_runs(self) -> None:
        """Back to the list of runs, from anywhere."""
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def open_monitor(self, run: Run) -> None:
        """Watch one run; Esc leads back to the list of runs."""
        from tuitune.tui.monitor.screen import MonitorScreen

        self._open(MonitorScreen(run))

    @cached_property
    def drafting(self) -> Drafting:
        """What is being composed: kept here when its screen is left, and on disk for when the app is gone."""
        from tuitune.tui.drafting import Drafting

        return Drafting(self)

    def new_run(self) -> None:
        """Compose a new run; where there is a draft, it is offered first."""
        from tuitune.tui.compose.drafts import offer_draft

        if not offer_draft(self):
            self.open_compose()

    def open_compose(self, recipe: Recipe | None = None) -> None:
        """Compose a run from `recipe`, the draft or the defaults; Esc leads back to the list of runs."""
        from tuitune.tui.compose.screen import ComposeScreen

        self._open(ComposeScreen(recipe))

    def open_edit(self, run: Run) -> None:
        """Change the recipe of a waiting run; Esc leads back to the list of runs. TuituneError where it is damaged."""
        from tuitune.runs.store.directory import read_recipe
        from tuitune.tui.compose.edit import EditScreen

        self._open(EditScreen(run, read_recipe(run)))

    def _open(self, screen: Screen[None]) -> None:
        self.open_runs()
        self.push_screen(screen)

    # Keys that work everywhere

    def action_leave(self) -> None:
        """One layer out, never out of the app."""
        screen = self.screen
        if isinstance(screen, TuituneScreen) and screen.leave():
            return
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def action_help(self) -> None:
        from tuitune.tui.help import HelpScreen

        name = getattr(self.screen, "NAME", "")
        self.push_screen(HelpScreen(name, f"Keys: {name}" if name else "Keys"))

    def action_command_palette(self) -> None:
        from tuitune.tui.palette import open_palette

        open_palette(self)

    def action_interrupt(self) -> None:
        """ctrl+c: copies selected text, else leaves when pressed twice."""
        if getattr(self.focused, "selected_text", "") or self.screen.get_selected_text():
            raise SkipAction
        now = time.monotonic()
        if now - self._interrupted_at <= _INTERRUPT_AGAIN_SECONDS:
            self.leave_app()
        else:
            self._interrupted_at = now
            self.notify("ctrl+c again quits tuitune; runs keep running")

    def action_to_the_shell(self) -> None:
        """ctrl+z: stops the process as the shell's job control would, where a shell is there to go on with it."""
        if keyboard.nobody_to_resume():
            self.say("ctrl+z: no shell here to resume tuitune from; q quits, and runs keep running")
        else:
            os.killpg(0, signal.SIGTSTP)

    @on(Driver.SignalResume)
    def _repaint(self) -> None:
        """The terminal is ours again, and empty."""
        for screen in self.screen_stack:
            screen.refresh()

    def on_key(self, event: Key) -> None:
        """A key that nobody took says so."""
        name = keyboard.key_name(event)
        if name is not None and event.key not in self.active_bindings:
            where = "in this window" if self.screen.is_modal else "here · ? lists the keys"
            self.say(f"{name} does nothing {where}")

    def say(self, text: str) -> None:
        """Say something passing in one line, in the key bar of the screen on top."""
        for screen in reversed(self.screen_stack):
            try:
                screen.query_one(KeyBar).say(text)
                return
            except NoMatches:
                continue

    def leave_app(self) -> None:
        """Leave, with one line for the shell about the runs that go on."""
        home = self.screen_stack[0]
        live = home.still_live() if isinstance(home, RunsScreen) else 0
        runs = "1 run keeps running" if live == 1 else f"{live} runs keep running"
        self.exit(f"{runs}; `tuitune` shows them again" if live else None)

    def choose_theme(self, name: str) -> None:
        """Use a theme now and in later sessions."""
        self.theme = name
        try:
            settings.remember("theme", name)
        except TuituneError as refusal:
            self.notify(str(refusal), title="Theme not saved", severity="warning")

    @work(thread=True, exit_on_error=False)
    def _mention_drafts(self) -> None:
        from tuitune.views.kept_draft import left_behind

        if names := ", ".join(one.name for one in left_behind()[0]):
            self.call_from_thread(self.notify, f"Unfinished draft: {names}. n offers it.")

    def on_unmount(self) -> None:
        if "drafting" in vars(self):
            self.drafting.flush()

    # Notices

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

    # Errors

    def _fatal_error(self) -> None:
        """An unexpected error ends the app; its traceback is printed once the terminal is restored."""
        self._report(traceback.format_exc())

    def panic(self, *renderables: RenderableType) -> None:
        self._report("".join(segment.text for renderable in renderables for segment in self.console.render(renderable)))

    def _report(self, text: str) -> None:
        self._exit_renderables.append(Text(clean(redact(text), newlines=True)))
        self._close_messages_no_wait()

    # Life and end

    def on_mount(self) -> None:
        if self._found.problems:
            self.notify(
                "\n".join(map(str, self._found.problems)), title="Themes skipped", severity="warning", timeout=15
            )
        if self._first_run is not None:
            self.open_monitor(self._first_run)
        elif any(drafts_home().glob("*.json")):
            self.call_after_refresh(self._mention_drafts)
        self.call_after_refresh(gc.freeze)
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            self._guard.start(lambda code: loop.call_soon_threadsafe(partial(self.exit, return_code=code)))
