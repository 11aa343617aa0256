"""The bottom line: what each key does here, from the action registry. A click on a key does what the key does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from textual.content import Content
from textual.events import Click
from textual.timer import Timer
from textual.widget import Widget

from tuitune.text import clean
from tuitune.tui.actions import EVERYWHERE, Action, actions_of

_GAP = "  "
_SAID_SECONDS = 3.0


class KeyBar(Widget):
    """One line of keys and labels for the screen it stands on; keys that are not available now are dimmed.

    Where the line is too narrow, what is not available now is left out first, then the last actions of the registry;
    never the ways back and to the help.
    Textual's own Footer recreates its widgets on every focus change and keeps the old ones alive.
    """

    DEFAULT_CSS = """
    KeyBar {
        dock: bottom;
        height: 1;
        padding: 0 1;
        background: $surface;
        color: $foreground;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._drawn: tuple[object, ...] = ()
        self._said, self._style = "", ""
        self._until: Timer | None = None

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.refresh_keys())

    def refresh_keys(self) -> None:
        """Draw the line again where an action became available or stopped being so."""
        if self._state() != self._drawn:
            self.refresh()

    def fits(self, text: str) -> bool:
        """Whether `text` is one line that the bar has room for."""
        return "\n" not in text and Content(text).cell_length <= self.content_size.width

    def say(self, text: str, style: str = "$warn", *, seconds: float = _SAID_SECONDS) -> None:
        """Show `text` in place of the keys for a few seconds."""
        if self._until is not None:
            self._until.stop()
        self._said, self._style = clean(text, limit=400), style
        self._until = self.set_timer(seconds, self._unsay)
        self.refresh_keys()

    def _unsay(self) -> None:
        self._said = ""
        self.refresh_keys()

    def render(self) -> Content:
        self._drawn = self._state()
        if self._said:
            return Content.styled(self._said, self._style).truncate(self.size.width, ellipsis=True)
        return fit_keys(self._actions(), self._disabled(), self.size.width, back=self._back)

    async def on_click(self, event: Click) -> None:
        if self._said:
            return
        placed = place_keys(self._actions(), self._disabled(), self.content_size.width, back=self._back)
        column = event.x - self.gutter.left
        found = next((one for start, one in placed if 0 <= column - start < _key_content(one, False).cell_length), None)
        if found is not None:
            namespace = self.app if found.screen == EVERYWHERE else self.screen
            await self.app.run_action(found.command, namespace)

    @property
    def _back(self) -> bool:
        return self.screen is not self.app.screen_stack[0]

    def _actions(self) -> list[Action]:
        return [action for action in actions_of(getattr(self.screen, "NAME", "")) if action.shown]

    def _disabled(self) -> frozenset[str]:
        screen: Any = self.screen
        return frozenset(action.name for action in self._actions() if screen.why_disabled(action.name))

    def _state(self) -> tuple[object, ...]:
        return self._disabled(), self.size.width, self._said, self._style


def fit_keys(actions: list[Action], disabled: frozenset[str], width: int, *, back: bool = False) -> Content:
    """As many of `actions` as fit in `width` cells, in order, those not `disabled` before the others; at the right
    edge the ways back and to the help.
    """
    line = Content("")
    for start, action in place_keys(actions, disabled, width, back=back):
        line = line.pad_right(start - line.cell_length) + _key_content(action, action.name in disabled)
    return line


def place_keys(
    actions: list[Action], disabled: frozenset[str], width: int, *, back: bool = False
) -> list[tuple[int, Action]]:
    """The actions that `fit_keys` shows, each with the column it begins at."""
    edge = [action for action in reversed(actions_of(EVERYWHERE)) if action.name in _EDGE[: 2 if back else 1]]
    start = width - sum(map(_cells, edge)) - len(_GAP) * (len(edge) - 1)
    shown = _fitting(actions, disabled, start)
    return [*_in_a_row(shown, 0), *_in_a_row(edge, max(start, 0))]


_EDGE = ("help", "leave")


def _in_a_row(actions: list[Action], start: int) -> Iterator[tuple[int, Action]]:
    widths = [_cells(action) + len(_GAP) for action in actions]
    return zip(accumulate(widths, initial=start), actions, strict=False)


def _fitting(actions: list[Action], disabled: frozenset[str], room: int) -> list[Action]:
    """The actions that fit in `room` cells with a gap after each."""
    fitting = []
    for place in sorted(range(len(actions)), key=lambda place: actions[place].name in disabled):
        room -= _cells(actions[place]) + len(_GAP)
        if room < 0:
            break
        fitting.append(place)
    return [actions[place] for place in sorted(fitting)]


def _cells(action: Action) -> int:
    return _key_content(action, False).cell_length


def _key_content(action: Action, disabled: bool) -> Content:
    key = action.display_key.split()[0]
    if disabled:
        return Content.styled(f"{key} {action.label}", "$faint 70%")
    return Content.assemble((key, "bold $accent"), " ", action.label)
