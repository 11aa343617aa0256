"""The app: screens, themes, keys that work everywhere, and leaving in good order whatever happens to the terminal."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text
from textual import on, work
from textual.actions import SkipAction
from textual.binding import Binding
from textual.driver import Driver
from textual.events import Key
from textual.filter import LineFilter
from textual.reactive import Initialize, Reactive
from textual.screen import Screen
from textual.theme import Theme

from tuitune.paths import drafts_home
from tuitune.problem import TuituneError
from tuitune.runs.store.directory import Run
from tuitune.text import clean, redact
from tuitune.tui import keyboard, settings, terminal
from tuitune.tui.actions import EVERYWHERE, actions_of, bindings
from tuitune.tui.base import TuituneScreen
from tuitune.tui.egress import ASCII_ONLY, EGRESS
from tuitune.tui.runs.screen import RunsScreen
from tuitune.tui.shell import AppShell
from tuitune.tui.themes import DEFAULT_THEME, TERMINAL_THEME, load_themes

if TYPE_CHECKING:
    from tuitune.recipe.schema import Recipe

_INTERRUPT_AGAIN_SECONDS = 5.0


class TuituneApp(AppShell, inherit_bindings=False):
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

    def new_run(self) -> None:
        from tuitune.tui.compose.drafts import offer_draft

        if not offer_draft(self):
            self.open_compose()

    def open_monitor(self, run: Run) -> None:
        from tuitune.tui.monitor.screen import MonitorScreen

        self.switch_to(MonitorScreen(run))

    def open_compose(self, recipe: Recipe | None = None) -> None:
        from tuitune.tui.compose.screen import ComposeScreen

        self.switch_to(ComposeScreen(self.drafting.take_up(recipe)))

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
        """Every action of this screen and every theme, found by typing."""
        from tuitune.tui.widgets.dialogs import Choice, Choose

        screen = self.screen
        if not isinstance(screen, TuituneScreen):
            return
        choices: list[Choice[Callable[[], Any]]] = []
        for action in (*actions_of(screen.NAME), *actions_of(EVERYWHERE)):
            if action.name not in ("command_palette", "leave"):
                do = partial(self.run_action, action.command, self if action.screen == EVERYWHERE else screen)
                detail = f"{action.display_key:<6}  {screen.why_disabled(action.name) or action.help}"
                choices.append(Choice(do, action.label, detail))
        for name in self.available_themes:
            use = partial(self.choose_theme, name)
            choices.append(Choice(use, "theme", f"{name:<16}{'in use' if name == self.theme else ''}"))

        def chosen(act: Callable[[], Any] | None) -> None:
            if act is not None:
                self.call_later(act)

        self.push_screen(Choose("Palette", choices, nothing="no action matches"), chosen)

    def action_interrupt(self) -> None:
        """ctrl+c: copies selected text, else leaves when pressed twice."""
        if getattr(self.focused, "selected_text", "") or self.screen.get_selected_text():
            raise SkipAction
        now = time.monotonic()
        if now - self._interrupted_at <= _INTERRUPT_AGAIN_SECONDS:
            home = self.screen_stack[0]
            self.exit(home.farewell() if isinstance(home, RunsScreen) else None)
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
