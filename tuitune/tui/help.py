"""Every key of a screen, from the action registry."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from tuitune.tui.actions import EVERYWHERE, Action, actions_of
from tuitune.tui.widgets.dialogs import Dialog, TextReader

Line = tuple[str, str]
Section = tuple[str, Sequence[Line]]

_MOVING: tuple[Line, ...] = (
    ("↑↓ j k", "Move; ←→ h l sideways"),
    ("g G", "First, last"),
    ("Tab ⇧Tab", "Next, previous pane or field"),
    ("^c ^c", "Quit from anywhere; runs keep running"),
)
_SIGNS: dict[str, Sequence[Line]] = {
    "workbench": (
        ("✗", "The row is unusable: 2 lists these"),
        ("–", "The row is dropped: x puts it back"),
        ("⚠", "The row repeats an earlier one (100 are marked), or its tokens are odd, once 4 has counted them"),
    ),
    "monitor": (
        ("◆ ★", "Evaluations on the held-out rows, the best one"),
        ("! R K", "On the charts: an alert, a restart with smaller batches, a kill"),
        ("C E G T", "A checkpoint, an evaluation, a sample that was requested; a change while it trains"),
    ),
}
"""What the signs of a screen mean."""

_KEY_WIDTH = 10


class KeyTable(Widget):
    """Keys at the left, what they do beside them, in sections with a title each."""

    DEFAULT_CSS = "KeyTable { width: 1fr; height: auto; padding-right: 2; }"

    def __init__(self, sections: Sequence[Section]) -> None:
        super().__init__()
        self._sections = sections

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows(width))

    def render(self) -> Content:
        return Content("\n").join(self._rows(self.size.width))

    def _rows(self, width: int) -> list[Content]:
        rows: list[Content] = []
        for title, lines in self._sections:
            rows += [Content("")] * bool(rows) + [Content.styled(title, "$faint")]
            for keys, words in lines:
                first, *more = wrap(words, max(width - _KEY_WIDTH, 10)) or [""]
                rows.append(Content.assemble((keys.ljust(_KEY_WIDTH), "bold $accent"), first))
                rows += [Content(" " * _KEY_WIDTH + line) for line in more]
        return rows


class HelpScreen(Dialog[None]):
    """The keys and signs of one screen, the keys that work everywhere, and how to move; side by side where they fit."""

    BINDINGS = [Binding("question_mark,f1", "leave", show=False)]

    DEFAULT_CSS = """
    HelpScreen #window { width: 76; max-width: 100%; max-height: 100%; }
    HelpScreen.-wide #window { width: 116; }
    HelpScreen TextReader, HelpScreen Horizontal { height: auto; max-height: 1fr; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]

    def __init__(self, name: str, title: str) -> None:
        super().__init__(title, "Esc close")
        self._here: list[Section] = [("This screen", _lines(actions_of(name)))] if name else []
        self._beside: list[Section] = [("Signs", _SIGNS[name])] if name in _SIGNS else []
        self._beside += [("Everywhere", _lines(actions_of(EVERYWHERE))), ("Moving", _MOVING)]

    def on_resize(self) -> None:
        self.call_after_refresh(self._name_keys)

    def _name_keys(self) -> None:
        scrolls = self.query_one(TextReader).max_scroll_y > 0
        self._window.border_subtitle = Content("j k g G scroll · Esc close" if scrolls else "Esc close")

    def compose(self) -> ComposeResult:
        with self._window, TextReader():
            if self.app.size.width >= 120:
                with Horizontal():
                    yield KeyTable(self._here)
                    yield KeyTable(self._beside)
            else:
                yield KeyTable([*self._here, *self._beside])


def _lines(actions: Sequence[Action]) -> list[Line]:
    """A line an action; those that digits lead to share the first one."""
    numbered = [action for action in actions if action.number is not None]
    lines = [(action.display_key, action.help) for action in actions if action not in numbered]
    if not numbered:
        return lines
    noun = numbered[0].name.capitalize()
    digits = f"{numbered[0].keys}–{numbered[-1].keys}"
    return [(digits, f"{noun}s: {', '.join(action.label for action in numbered)}"), *lines]
