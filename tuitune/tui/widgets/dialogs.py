"""Small windows over a screen: a question, a text to read, a choice from a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from tuitune.text import clean
from tuitune.tui.widgets.line import LineInput

Result = TypeVar("Result")

_MOST_OPTIONS = 200
_LONGEST_TEXT = 400_000
_WIDEST_LABEL = 40


class Dialog(ModalScreen[Result]):
    """A framed window in the middle of the screen. Esc closes it with None (or False); titles may be foreign text."""

    BINDINGS = [Binding("escape,q", "leave", "close", show=False), Binding("ctrl+c", "app.interrupt", show=False)]

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        #window {
            width: 72;
            max-width: 96%;
            height: auto;
            max-height: 96%;
            border: round $accent;
            border-title-color: $accent;
            border-title-style: bold;
            border-subtitle-color: $faint;
            background: $surface;
            padding: 0 1;
        }
    }
    .-ascii Dialog #window { border: ascii $accent; }
    """

    def __init__(self, title: str, keys: str) -> None:
        super().__init__()
        self._window = Vertical(id="window")
        self._window.border_title = Content(clean(title, limit=120))
        self._window.border_subtitle = Content(keys)

    def action_leave(self) -> None:
        self.dismiss(None)


class Confirm(Dialog[bool]):
    """A question, answered True or False. With `word`, yes means typing that word."""

    BINDINGS = [Binding("y", "answer(True)", "yes", show=False), Binding("n", "answer(False)", "no", show=False)]

    DEFAULT_CSS = """
    Confirm Input { margin-top: 1; }
    Confirm #wrong { color: $bad; height: auto; }
    """

    def __init__(self, title: str, text: str, word: str | None = None) -> None:
        super().__init__(title, "y yes · n no" if word is None else "Enter confirm · Esc cancel")
        self._text = text
        self._word = word

    def compose(self) -> ComposeResult:
        with self._window:
            yield Static(Content(clean(self._text, newlines=True)))
            if self._word is not None:
                yield Static(Content.from_markup("\nType [b]$word[/b] to confirm:", word=clean(self._word)))
                yield LineInput(id="word")
                yield Static(id="wrong")

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        if event.value == self._word:
            self.dismiss(True)
        else:
            self.query_one("#wrong", Static).update(Content("No match. Nothing was done."))

    def action_answer(self, yes: bool) -> None:
        if self._word is None or not yes:
            self.dismiss(yes)

    def action_leave(self) -> None:
        self.dismiss(False)


class TextReader(VerticalScroll, can_focus=True):
    """What is too long for its window, scrolled with the usual keys."""

    BINDINGS = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
        Binding("space", "page_down", show=False),
    ]


class TextView(Dialog[None]):
    """A text to read and scroll: a recipe, a log's end. Longer texts are cut at 400 000 characters, which it says."""

    DEFAULT_CSS = """
    TextView #window { width: 96%; max-width: 140; height: 90%; }
    TextView TextReader { height: 1fr; }
    """

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title, "j k g G scroll · Esc close")
        self._text = clean(text, newlines=True, limit=_LONGEST_TEXT)

    def compose(self) -> ComposeResult:
        with self._window, TextReader():
            yield Static(Content(self._text))


@dataclass(frozen=True)
class Choice(Generic[Result]):
    """One line of a `Choose`: what choosing it gives, its label and a remark. Both texts may be foreign."""

    value: Result
    label: str
    detail: str = ""


class Choose(Dialog[Result]):
    """A list to pick one thing from, narrowed by typing. Gives the chosen value, or None for Esc."""

    BINDINGS = [
        Binding("down,ctrl+n", "move(1)", show=False, priority=True),
        Binding("up,ctrl+p", "move(-1)", show=False, priority=True),
        Binding("pagedown", "move(10)", show=False, priority=True),
        Binding("pageup", "move(-10)", show=False, priority=True),
    ]

    DEFAULT_CSS = """
    Choose #window { width: 84; }
    Choose OptionList {
        height: auto; max-height: 1fr; margin-top: 1; padding: 0; border: none;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    Choose OptionList:focus { border: none; }
    Choose #nothing { color: $faint; margin-top: 1; padding: 0 1; }
    """

    def __init__(
        self,
        title: str,
        options: Iterable[Choice[Result]],
        current: Result | None = None,
        *,
        nothing: str = "nothing matches",
    ) -> None:
        """`nothing` is said where no option goes with what was typed."""
        super().__init__(title, "type to filter · ↑↓ move · Enter choose · Esc close")
        self._nothing = nothing
        self._options = list(options)
        self._current = current
        self._shown: Sequence[Choice[Result]] = ()
        self._list = OptionList(id="choices", compact=True)
        self._list.can_focus = False

    def compose(self) -> ComposeResult:
        with self._window:
            yield LineInput(placeholder="filter", id="filter")
            yield self._list
            yield Static(Content(self._nothing), id="nothing")

    def on_mount(self) -> None:
        self._show("")
        values = [option.value for option in self._shown]
        if self._current in values:
            self._list.highlighted = values.index(self._current)

    @on(Input.Changed)
    def _filtered(self, event: Input.Changed) -> None:
        self._show(event.value)

    @on(Input.Submitted)
    def _entered(self) -> None:
        if self._list.highlighted is not None:
            self.dismiss(self._shown[self._list.highlighted].value)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[event.option_index].value)

    def action_move(self, rows: int) -> None:
        if self._shown:
            self._list.highlighted = min(max((self._list.highlighted or 0) + rows, 0), len(self._shown) - 1)

    def _show(self, text: str) -> None:
        words = text.lower().split()
        self._shown = [
            option
            for option in self._options
            if all(word in f"{option.label} {option.detail}".lower() for word in words)
        ][:_MOST_OPTIONS]
        self._list.clear_options()
        width = min(max((cell_len(option.label) for option in self._options), default=0), _WIDEST_LABEL)
        self._list.add_options(_option_line(option, width) for option in self._shown)
        self._list.highlighted = 0 if self._shown else None
        self._list.display, self.query_one("#nothing").display = bool(self._shown), not self._shown


def _option_line(option: Choice[Result], width: int) -> Content:
    label = Content(clean(option.label, limit=120))
    if not option.detail:
        return label
    return Content.assemble(
        label.pad_right(width - label.cell_length), "  ", (clean(option.detail, limit=160), "$faint")
    )
