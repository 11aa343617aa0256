"""Every key of a screen, from the action registry."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from tuitune.tui.actions import EVERYWHERE, Action, actions_of
from tuitune.tui.widgets.dialogs import Dialog

_MOVING = (
    ("↑ ↓  j k", "Move; ← → h l sideways"),
    ("g G", "First, last"),
    ("Tab  Shift-Tab", "Next, previous pane or field"),
    ("^c ^c", "Leave from anywhere; runs go on"),
)


class HelpScreen(Dialog[None]):
    """The keys of one screen, those that work everywhere, and how to move."""

    BINDINGS = [Binding("question_mark,f1,q", "leave", show=False)]

    DEFAULT_CSS = """
    HelpScreen #window { width: 76; max-height: 100%; overflow-y: auto; }
    HelpScreen Static { width: 1fr; height: auto; }
    """

    def __init__(self, name: str, title: str) -> None:
        super().__init__(title, "Esc close")
        self._name_of_screen = name

    def compose(self) -> ComposeResult:
        sections = [("This screen", _lines(actions_of(self._name_of_screen)))] if self._name_of_screen else []
        sections += [("Everywhere", _lines(actions_of(EVERYWHERE))), ("Moving", list(_MOVING))]
        width = max(len(keys) for _, lines in sections for keys, _ in lines)
        with self._window:
            for title, lines in sections:
                yield Static(_section(title, lines, width))


def _lines(actions: list[Action]) -> list[tuple[str, str]]:
    return [(action.display_key, action.help) for action in actions]


def _section(title: str, lines: list[tuple[str, str]], width: int) -> Content:
    rows = [Content.styled(title, "$faint")]
    rows += [Content.assemble((keys.ljust(width), "bold $accent"), "  ", help) for keys, help in lines]
    return Content("\n").join(rows)
