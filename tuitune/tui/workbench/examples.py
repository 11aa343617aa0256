"""Examples of what a cleaning step does: texts before and after, rows with the row they resemble, and reasons."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tuitune.data.preparation.assembled import LONGEST_EXAMPLE
from tuitune.text import clean
from tuitune.tui.widgets.dialogs import Dialog
from tuitune.tui.widgets.row_list import ListRow, RowList
from tuitune.tui.widgets.word_diff import changed_spans

_GAP = 3
_PIECES = re.compile(r"\w+|\r\n|\s|[^\w\s]")
_MOST = 1500
"""Pieces beyond this many are not compared: the work grows with the square of their number."""

_VISIBLE = str.maketrans({" ": "␣", "\t": "⇥", "\n": "⏎\n", "\r": "␍"})
_GONE, _CAME = "$bad strike", "$ok underline"


class Examples(Dialog[int]):
    """The examples of a step, one under the cursor in full; Enter gives the number of its row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "use", show=False),
        Binding("J,ctrl+down", "scroll_example(1)", show=False),
        Binding("K,ctrl+up", "scroll_example(-1)", show=False),
    ]
    DEFAULT_CSS = """
    Examples #window { width: 96%; max-width: 180; height: 94%; }
    Examples RowList { height: 1fr; min-height: 4; }
    Examples VerticalScroll { height: 3fr; border-top: solid $rule; padding: 0 0 0 2; }
    Examples #example { height: auto; }
    """

    def __init__(self, step: Mapping[str, Any]) -> None:
        count = len(step["examples"])
        most = max(step["dropped"] + step["changed"], step.get("found", 0))
        counted = f"{count} of {most:,}" if most > count else f"{count}"
        super().__init__(f"{step['title']}: {counted}", "↑↓ move · J K scroll · Enter go to the row · Esc back")
        self._examples: Sequence[Mapping[str, Any]] = step["examples"]

    def compose(self) -> ComposeResult:
        with self._window:
            yield RowList()
            with VerticalScroll(can_focus=False):
                yield Static(id="example")

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.set_rows([_row(at, one) for at, one in enumerate(self._examples)])
        rows.focus()
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    @on(RowList.Highlighted)
    def _show(self) -> None:
        key = self.query_one(RowList).current
        room = self.query_one(VerticalScroll)
        if key is not None:
            width = max(room.scrollable_content_region.width, 20)
            self.query_one("#example", Static).update(in_full(self._examples[int(key)], width))
            room.scroll_home(animate=False)

    def action_scroll_example(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by * 3, animate=False)

    def action_use(self) -> None:
        key = self.query_one(RowList).current
        if key is not None:
            self.dismiss(int(self._examples[int(key)]["row"]))


def in_full(example: Mapping[str, Any], width: int) -> Content:
    """An example in `width` cells: what changed in its text, or it and the row that it resembles side by side."""
    before, after, other = example.get("before"), example.get("after"), example.get("other")
    said = Content.styled(clean(str(example.get("reason") or ""), limit=300), "$faint")
    if after is not None and other is not None:
        texts = [_marked(str(before), str(after)), _marked(str(after), str(before))]
        names = [Content.styled(clean(name, limit=60), "$accent") for name in (str(example["place"]), f"row {other}")]
        left, right = (Content("\n").join(pair) for pair in zip(names, texts, strict=True))
        body = _side_by_side(left, right, width)
    elif after is not None:
        cut = max(len(str(before)), len(str(after))) >= LONGEST_EXAMPLE
        body = difference(str(before), str(after), cut=cut)
    else:
        body = Content(clean(str(before or ""), newlines=True))
    return Content("\n").join([said, body] if said else [body])


def _marked(text: str, other: str) -> Content:
    """A text with the words underlined that the other one has not."""
    text, other = clean(text, newlines=True), clean(other, newlines=True)
    content = Content(text)
    for start, stop in changed_spans(text, other):
        content = content.stylize("$warn underline", start, stop)
    return content


def difference(before: str, after: str, *, cut: bool = False) -> Content:
    """`before` made into `after`, white space shown where it changed. Long texts are compared at their beginning.

    Of texts that were `cut`, what differs at their very end is no change.
    """
    old, new = _PIECES.findall(before)[:_MOST], _PIECES.findall(after)[:_MOST]
    parts: list[str | tuple[str, str]] = []
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    if cut and changes and changes[-1][0] != "equal":
        del changes[-1]
    for tag, start, stop, new_start, new_stop in changes:
        if tag == "equal":
            parts.append(clean("".join(old[start:stop]), newlines=True))
        else:
            parts += [(_visible("".join(old[start:stop])), _GONE), (_visible("".join(new[new_start:new_stop])), _CAME)]
    return Content.assemble(*(part for part in parts if part and (isinstance(part, str) or part[0])))


def _visible(text: str) -> str:
    return clean(text.translate(_VISIBLE), newlines=True)


def _side_by_side(one_text: Content, other_text: Content, width: int) -> Content:
    room = max((width - _GAP) // 2, 8)
    left, right = one_text.wrap(room), other_text.wrap(room)
    empty = Content("")
    lines = []
    for at in range(max(len(left), len(right))):
        one, two = (side[at].rstrip() if at < len(side) else empty for side in (left, right))
        lines.append(Content.assemble(one, " " * (room - one.cell_length), (" │ ", "$rule"), two))
    return Content("\n").join(lines)


def _row(at: int, example: Mapping[str, Any]) -> ListRow:
    def draw(width: int) -> list[Content]:
        text = str(example.get("reason") or example.get("before") or "")
        return [Content.assemble((f"{clean(str(example['place']))}  ", "$faint"), clean(text[:1000], limit=width))]

    return ListRow(str(at), draw)
