"""A form: rows of fields under a cursor, one line editor that is there only while a field is edited, and help below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from tuitune.tui.widgets.field_row import VALUE_AT
from tuitune.tui.widgets.line import LineInput
from tuitune.tui.widgets.row_list import ListRow, RowList


class FieldInput(LineInput):
    """The line editor of a field: Enter and Tab keep what was typed, Esc does not.

    What the field does not take stays open on Enter; Tab and the arrows leave it as it stands, to be put right later.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "finish(False)", show=False),
        Binding("tab,down", "finish(True, 1)", show=False),
        Binding("shift+tab,up", "finish(True, -1)", show=False),
    ]

    class Finished(Message):
        """Editing is over: `kept` says whether the text counts, `move` where the cursor goes next."""

        def __init__(self, text: str, kept: bool, move: int) -> None:
            super().__init__()
            self.text = text
            self.kept = kept
            self.move = move

    def action_finish(self, kept: bool, move: int = 0) -> None:
        self.post_message(self.Finished(self.value, kept, move))

    async def action_submit(self) -> None:
        self.action_finish(True)


class Form(Vertical):
    """Shows rows that the screen makes; says what a person wants to do to them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", "Previous choice", show=False),
        Binding("right,l", "step(1)", "Next choice", show=False),
        Binding("space", "step(0)", "Switch", show=False),
    ]
    DEFAULT_CSS = """
    Form { layers: rows editor; height: 1fr; }
    Form > RowList { layer: rows; }
    Form > #help {
        layer: rows; height: auto; min-height: 5; max-height: 10; border-top: solid $rule; padding: 0 0 0 2;
    }
    .-short Form > #help { min-height: 4; max-height: 8; }
    Form > FieldInput {
        layer: editor; position: absolute;
    }
    """

    class Text(Message):
        """What stands in the line editor of the field `key`."""

        def __init__(self, key: str, text: str) -> None:
            super().__init__()
            self.key = key
            self.text = text

    class Typed(Text):
        """A key was pressed in the line editor."""

    class Entered(Text):
        """The text was entered for the field."""

    class Abandoned(Message):
        """Editing ended and the field keeps what it had."""

    class Stepped(Message):
        """The next (1) or previous (-1) choice of a field is wanted, or (0) whatever pressing Space on it means."""

        def __init__(self, key: str, by: int) -> None:
            super().__init__()
            self.key = key
            self.by = by

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.takes: Callable[[str, str], bool] = lambda key, text: True
        """Whether a field takes a text. Enter leaves the editor open on one that it does not."""
        self.editing: str | None = None
        """The key of the field that the line editor is open on."""
        self._help_lines = 0

    def compose(self) -> ComposeResult:
        yield RowList(id="rows")
        yield Static(id="help")

    @property
    def rows(self) -> RowList:
        return self.query_one("#rows", RowList)

    def show(self, rows: Sequence[ListRow], *, cursor: str | None = None) -> None:
        self.rows.set_rows(rows, cursor=cursor)
        self._place_editor()

    def on_mount(self) -> None:
        self.watch(self.rows, "scroll_y", self._place_editor, init=False)

    def on_resize(self) -> None:
        self.call_after_refresh(self._place_editor)

    def explain(self, text: Content) -> None:
        """Say what the row under the cursor means; the screen is laid out again only where that takes other lines."""
        below = self.query_one("#help", Static)
        width, least = below.content_size.width, below.styles.min_height
        lines = max(text.get_height({}, width), int(least.value) - 1) if width and least else 0
        below.update(text, layout=lines != self._help_lines)
        self._help_lines = lines

    def edit(self, key: str, text: str) -> None:
        """Open the line editor on a field."""
        if self.editing is not None:
            return
        self.editing = key
        editor = FieldInput(text, select_on_focus=True)
        self.mount(editor)
        self.rows.bring(key, key)
        self._place_editor()
        self.screen.set_focus(editor, scroll_visible=False)  # at once: the next key may be here already

    def _place_editor(self) -> None:
        """Lay the line editor over the value it edits, wherever the row is now; out of sight with it."""
        line = self.rows.line_of(self.editing) if self.editing else None
        for editor in self.query(FieldInput):
            editor.styles.offset = (VALUE_AT + 1, -1 if line is None else line)
            editor.styles.width = max(10, self.rows.size.width - VALUE_AT - 1)

    async def close_editor(self) -> None:
        """Drop the line editor and what was typed in it."""
        self.editing = None
        await self.query(FieldInput).remove()
        self.rows.focus()

    def action_step(self, by: int) -> None:
        if self.rows.current is not None:
            self.post_message(self.Stepped(self.rows.current, by))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.editing is not None:
            self.post_message(self.Typed(self.editing, event.value))

    @on(FieldInput.Finished)
    async def _finished(self, event: FieldInput.Finished) -> None:
        event.stop()
        key = self.editing
        if key is None or (event.kept and not event.move and not self.takes(key, event.text)):
            return
        await self.close_editor()
        self.post_message(self.Entered(key, event.text) if event.kept else self.Abandoned())
        if event.kept and event.move:
            self.rows.action_move(event.move)
