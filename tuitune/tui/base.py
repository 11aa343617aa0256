"""What every screen shares: keys from the registry, actions that say why they are not available, a smallest size."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import isawaitable
from typing import ClassVar

from textual import getters
from textual.app import RenderResult
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from tuitune.problem import TuituneError
from tuitune.text import redact
from tuitune.tui.shell import AppShell
from tuitune.tui.widgets.key_bar import KeyBar

SMALLEST = (60, 16)
_A_TURN = 0.001


class TooSmall(Widget):
    """The card shown instead of a screen on a terminal under 60×16."""

    DEFAULT_CSS = """
    TooSmall { display: none; content-align: center middle; color: $warn; width: 100%; height: 100%; }
    """

    def render(self) -> RenderResult:
        width, height = self.screen.size
        return Content(f"needs {SMALLEST[0]}×{SMALLEST[1]}, has {width}×{height}\nruns keep running")


class Handler:
    """Some of the keys of a screen: `action_<name>` for each, and why one of them is not available now."""

    def __init__(self, screen: TuituneScreen) -> None:
        self.screen = screen

    def why_disabled(self, name: str) -> str | None:
        """Why the action `name` is not available now, as a sentence for the person, or None where it is."""
        return None

    @contextmanager
    def telling(self, title: str) -> Iterator[None]:
        """What is refused within ends it, and is told under `title`."""
        try:
            yield
        except (TuituneError, OSError) as refusal:
            self.screen.notify(str(refusal), title=title, severity="error")


class TuituneScreen(Screen[None]):
    """A screen of the app. A subclass sets `NAME` and `BINDINGS = bindings(NAME)`, and yields a `KeyBar()` last.

    Its actions are its own or those of its `handlers`.

    Classes set by size: `-tiny` under 60 columns, `-narrow` under 100, `-medium` under 120, else `-wide`; `-flat` under
    16 rows, `-short` under 30, else `-tall`.
    """

    app = getters.app(AppShell)
    NAME: ClassVar[str] = ""
    handlers: Sequence[Handler] = ()
    _placed = False
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (SMALLEST[0], "-narrow"), (100, "-medium"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (SMALLEST[1], "-short"), (30, "-tall")]

    DEFAULT_CSS = """
    TuituneScreen {
        overflow: hidden;
        &.-tiny > *, &.-flat > * { display: none; }
        &.-tiny > TooSmall, &.-flat > TooSmall { display: block; }
    }
    """

    def on_mount(self) -> None:
        self._classify(*self.app.size)
        self.mount(TooSmall())

    def _classify(self, width: int, height: int) -> None:
        """Set the classes by size before the screen is styled to be shown, so that it is not styled anew once sized."""
        found = self._get_breakpoint_classes(width, self.HORIZONTAL_BREAKPOINTS)
        found |= self._get_breakpoint_classes(height, self.VERTICAL_BREAKPOINTS)
        self.update_classes(dict.fromkeys(found, True), update=False)

    async def action_perform(self, name: str, *number: int) -> None:
        """Run `action_<name>` of a handler or of the screen, or say why it is not available now."""
        if reason := self.why_disabled(name):
            self.notify(reason, severity="warning")
            return
        action = f"action_{name}"
        holder = next((one for one in self.handlers if hasattr(one, action)), self)
        result = getattr(holder, action)(*number)
        if isawaitable(result):
            await result

    async def action_out(self) -> None:
        await self.run_action("app.leave")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A thread that failed ends nothing but itself; the person is told."""
        if event.state is WorkerState.ERROR:
            self.notify(redact(str(event.worker.error)), title=f"{event.worker.name} failed", severity="error")

    def why_disabled(self, name: str) -> str | None:
        """Why the action `name` is not available now, as a sentence for the person, or None where it is."""
        return next(filter(None, (one.why_disabled(name) for one in self.handlers)), None)

    def leave(self) -> bool:
        """Close one layer inside this screen (a filter, a zoomed pane), on Esc. False where there was none."""
        return False

    def refresh_keys(self) -> None:
        """Have the key bar look again at which actions are available."""
        for bar in self.query(KeyBar):
            bar.refresh_keys()

    async def _dispatch_message(self, message: Message) -> None:
        """Let others have their turn after each message: Textual styles, sizes and paints a new screen at one go."""
        await super()._dispatch_message(message)
        await asyncio.sleep(0)

    async def _first_paint(self) -> None:
        """Paint after everybody who is ready has had a turn: the widgets take in their sizes before that."""
        await asyncio.sleep(_A_TURN)
        self._compositor_refresh()

    def _compositor_refresh(self) -> None:
        """Paint at first in a go of its own. Behind a window, send what changed; Textual would repaint all of this
        screen at every change from then on.
        """
        if not self._placed:
            self._placed = True
            self.call_next(self._first_paint)
        elif self not in self.app._background_screens:
            super()._compositor_refresh()
        elif changed := set(self._compositor._dirty_regions):
            self._compositor._dirty_regions.clear()
            self._dirty_widgets.clear()
            self.app.screen.refresh(*changed)
