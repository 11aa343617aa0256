"""The last section: what is wrong, what is advised, what differs from the defaults; each leads to its field."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from tuitune.planning.preflight import Advice
from tuitune.problem import Problem
from tuitune.text import clean
from tuitune.tui.compose.forecast import ADVICE_SIGNS
from tuitune.tui.widgets.row_list import ListRow, text_row
from tuitune.units import counted
from tuitune.views.draft import Draft

_KEY_WIDTH = 28


def review_rows(draft: Draft, errors: Sequence[Problem], advice: Sequence[Advice]) -> list[ListRow]:
    """The rows of Review. Their keys are a number and the setting they lead to, apart by a space."""
    rows = [_heading(f"{len(errors)} to fix before launch" if errors else "Ready: press L to launch")]
    rows += [_row(number, error.key, "✗", "$bad", error.message) for number, error in enumerate(errors)]
    if advice:
        rows += [text_row("", ""), _heading("advice")]
    for number, one in enumerate(advice, len(rows)):
        rows.append(_row(number, one.key, *ADVICE_SIGNS[one.level], one.message + (" [x fixes it]" if one.fix else "")))
    changed = draft.changed()
    differ = f"{counted(len(changed), 'setting')} changed" if changed else "every setting at its default"
    rows += [text_row("", ""), _heading(differ)]
    rows += [_change(number, key, draft.text(key)) for number, key in enumerate(changed, len(rows))]
    return rows


def target_of(row_key: str) -> str:
    """The setting that a row of Review leads to; "" for none."""
    return row_key.partition(" ")[2]


def explanation(row_key: str, errors: Sequence[Problem], advice: Sequence[Advice]) -> Content:
    """All that is to be said about a row, for under the form."""
    key = target_of(row_key)
    words = [error.message for error in errors if error.key == key] + [one.message for one in advice if one.key == key]
    lines = [Content(clean(" ".join(words)))] if words else []
    return Content("\n").join([*lines, Content.styled(f"Enter goes to {key}" if key else "", "$faint")])


def _row(number: int, key: str, sign: str, colour: str, message: str) -> ListRow:
    def draw(width: int) -> list[Content]:
        text = Content(clean(message)).truncate(max(1, width - 2), ellipsis=True)
        return [Content.assemble((f"{sign} ", colour), clean(key or "recipe")), Content("  ") + text.stylize("$faint")]

    return ListRow(f"{number} {key}", draw, height=2)


def _change(number: int, key: str, value: str) -> ListRow:
    default = Draft().text(key) or "none"

    def draw(width: int) -> list[Content]:
        name = Content(key).truncate(_KEY_WIDTH, ellipsis=True, pad=True)
        was = Content(clean(f"default {default}")) if len(default) <= 24 else Content("")
        text = Content(clean(value) or "none")
        room = max(1, width - _KEY_WIDTH - 4 - was.cell_length)
        if text.cell_length > room:
            was, room = Content(""), max(1, width - _KEY_WIDTH - 4)
        text = text.truncate(room, ellipsis=True, pad=True)
        return [Content.assemble(("• ", "$accent"), name, " ", text, " ", was.stylize("$faint"))]

    return ListRow(f"{number} {key}", draw)


def _heading(text: str) -> ListRow:
    return text_row("", Content.styled(text, "bold"))
