"""The bottom line: what each key does here, from the action registry."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content
from textual.widget import Widget

from tuitune.tui.actions import EVERYWHERE, Action, actions_of

_GAP = "  "


class KeyBar(Widget):
    """One line of keys and labels for the screen it stands on; keys that are not available now are dimmed.

    Where the line is too narrow the last actions of the registry are left out, never the ways back and to the help.
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
        return fit_keys(self._actions(), self._disabled(), self.size.width, back=len(self.app.screen_stack) > 1)

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
    """As many of `actions` as fit in `width` cells, in order; at the right edge the ways back and to the help."""
    always = [action for action in actions_of(EVERYWHERE) if action.name == "help" or (back and action.name == "leave")]
    edge = Content(_GAP).join([_key_content(action, False) for action in reversed(always)])
    room = width - edge.cell_length
    shown: list[Content] = []
    for action in actions:
        content = _key_content(action, action.name in disabled)
        room -= content.cell_length + len(_GAP)
        if room < 0:
            break
        shown.append(content)
    line = Content(_GAP).join(shown)
    return Content.assemble(line, " " * max(width - line.cell_length - edge.cell_length, 0), edge)


def _key_content(action: Action, disabled: bool) -> Content:
    key = action.display_key.split()[0]
    if disabled:
        return Content.styled(f"{key} {action.label}", "$faint 70%")
    return Content.assemble((key, "bold $accent"), " ", action.label)
