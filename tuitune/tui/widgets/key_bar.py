"""The bottom line: what each key does here, from the action registry."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content
from textual.widget import Widget

from tuitune.tui.actions import EVERYWHERE, Action, actions_of

_GAP = "  "


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

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._drawn: tuple[object, ...] = ()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.refresh_keys())

    def refresh_keys(self) -> None:
        """Draw the line again where an action became available or stopped being so."""
        if self._state() != self._drawn:
            self.refresh()

    def render(self) -> Content:
        self._drawn = self._state()
        back = self.screen is not self.app.screen_stack[0]
        return fit_keys(self._actions(), self._disabled(), self.size.width, back=back)

    def _actions(self) -> list[Action]:
        return [action for action in actions_of(getattr(self.screen, "NAME", "")) if action.shown]

    def _disabled(self) -> frozenset[str]:
        why_disabled: Callable[[str], str | None] | None = getattr(self.screen, "why_disabled", None)
        if why_disabled is None:
            return frozenset()
        return frozenset(action.name for action in self._actions() if why_disabled(action.name))

    def _state(self) -> tuple[object, ...]:
        return self._disabled(), self.size.width


def fit_keys(actions: list[Action], disabled: frozenset[str], width: int, *, back: bool = False) -> Content:
    """As many of `actions` as fit in `width` cells, in order, those not `disabled` before the others; at the right
    edge the ways back and to the help.
    """
    always = [action for action in actions_of(EVERYWHERE) if action.name == "help" or (back and action.name == "leave")]
    edge = Content(_GAP).join([_key_content(action, False) for action in reversed(always)])
    contents = [_key_content(action, action.name in disabled) for action in actions]
    fitting = _fitting(contents, [action.name in disabled for action in actions], width - edge.cell_length)
    line = Content(_GAP).join([contents[place] for place in fitting])
    return Content.assemble(line, " " * max(width - line.cell_length - edge.cell_length, 0), edge)


def _fitting(contents: list[Content], disabled: list[bool], room: int) -> list[int]:
    """The places of the contents that fit in `room` cells with a gap after each."""
    fitting = []
    for place in sorted(range(len(contents)), key=lambda place: disabled[place]):
        room -= contents[place].cell_length + len(_GAP)
        if room < 0:
            break
        fitting.append(place)
    return sorted(fitting)


def _key_content(action: Action, disabled: bool) -> Content:
    key = action.display_key.split()[0]
    if disabled:
        return Content.styled(f"{key} {action.label}", "$faint 70%")
    return Content.assemble((key, "bold $accent"), " ", action.label)
