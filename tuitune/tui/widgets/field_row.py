"""One row of a form: mark, label, value, and at the right the unit, the default or what follows from the value."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from tuitune.recipe.declaration import Change
from tuitune.recipe.settings import Setting, section_titles, settings, show_value
from tuitune.text import clean
from tuitune.tui.widgets.columns import keep_end
from tuitune.tui.widgets.row_list import ListRow

LABEL_WIDTH = 1 + max(len(one.title) for one in settings())
_WIDEST = 88
"""Beyond this width a row would tear value and note apart."""
_HELP = 30
"""Cells beyond that in which it is worth it to say what a field means."""

_GAP = 3
_WIDE_TEXT = 28
_LONGEST_TEXT = 200
VALUE_AT = 2 + LABEL_WIDTH
"""Where values begin, in cells after the row's cursor mark."""


@dataclass(frozen=True)
class FieldView:
    """What a row shows of a field. `unused` says why the value has no effect at present; "" where it has."""

    setting: Setting
    text: str
    changed: bool = False
    message: str = ""
    note: str = ""
    unused: str = ""

    @property
    def default(self) -> str:
        return show_value(self.setting, self.setting.default) or "none"


def field_row(view: FieldView) -> ListRow:
    """The row of a field, with what is wrong with it on a second line."""

    def draw(width: int) -> list[Content]:
        beside, width = width - _WIDEST - _GAP, min(width, _WIDEST)
        lines = [_value_line(view, width)]
        if beside >= _HELP:
            words = Content(clean(view.setting.help)).truncate(beside, ellipsis=True)
            lines[0] += Content(" " * _GAP) + words.stylize("$faint")
        if view.message:
            lines.append(_message_line(view.message, width))
        return lines

    return ListRow(view.setting.key, draw, height=2 if view.message else 1)


def heading_key(section: str) -> str:
    """The key of the row with the name of a section."""
    return f"section {section}"


def section_heading(section: str, *, current: bool, first: bool) -> ListRow:
    """The name of a section above its fields, lit where it is the `current` one. The `first` needs no line above it."""
    name = Content.styled(section_titles()[section], "bold $accent" if current else "bold")
    lines = [name] if first else [Content(""), name]
    return ListRow(heading_key(section), lambda _width: lines, height=len(lines), selectable=False)


def _message_line(message: str, width: int) -> Content:
    """Under the value where it fits there, else as far to the left as it needs."""
    reason = Content(f"✗ {clean(message)}").truncate(max(1, width), ellipsis=True)
    return Content.assemble(" " * max(0, min(VALUE_AT, width - reason.cell_length)), reason.stylize("$bad"))


def _value_line(view: FieldView, width: int) -> Content:
    mark = ("✗ ", "$bad") if view.message else ("• ", "$accent") if view.changed else "  "
    room = max(1, width - VALUE_AT)
    value = _value(view, room)
    note = Content(clean(_note(view)))
    left = room - min(value.cell_length, room) - 2
    if note.cell_length > left and view.unused:  # it tells more than a value that nothing reads
        value, note = note.stylize("$faint"), Content("")
    note = note if note.cell_length <= left else Content("")
    value = value.truncate(max(1, room - note.cell_length), ellipsis=True, pad=True)
    label_style = "$faint" if view.unused else ""
    label = (clean(view.setting.title).ljust(LABEL_WIDTH), label_style)
    return Content.assemble(mark, label, value, note.stylize("$faint"))


def _value(view: FieldView, room: int) -> Content:
    style = "$bad" if view.message else "$faint" if view.unused else "bold" if view.changed else ""
    text, kind = clean(view.text), view.setting.kind
    if kind == "switch" and not view.message:
        on = view.text in ("true", "yes", "on")
        return Content.assemble(("[x] yes" if on else "[ ] no", style))
    if not text:
        return Content.assemble(("–", "$faint"))
    if kind == "choice" and len(view.setting.choices) > 1 and not view.unused:
        return Content.assemble((text, style), (" ▾", "$faint"))
    is_path = kind == "text" and view.setting.entails.names
    return Content.assemble((keep_end(text, room) if is_path else text, style))


def _note(view: FieldView) -> str:
    if view.unused:
        return view.unused
    parts = [view.note or (view.setting.unit if view.text else "")]
    if view.changed and len(view.default) <= 24:
        parts.append(f"default {view.default}")
    return " · ".join(part for part in parts if part)


def help_text(view: FieldView, *, tuning: bool = False) -> Content:
    """What a field means, below it its key, bounds, default and what a change entails, and above it a text that its row
    may cut: for under the form. In a form for `tuning` every setting can be changed.
    """
    one = view.setting
    facts = [one.key, _takes(one), f"default {view.default}", "" if tuning else _CHANGE[one.entails.change]]
    if view.message:
        first = Content.assemble(("✗ ", "$bad"), (clean(view.message), "$bad"))
    else:
        first = Content(clean(one.help))
    second = Content(clean(" · ".join(fact for fact in facts if fact)))
    text = Content(clean(view.text, limit=_LONGEST_TEXT))
    whole = [text.stylize("bold")] if text.cell_length > _WIDE_TEXT else []
    idle = [Content.styled(f"No effect: {clean(view.unused)}.", "$warn")] if view.unused else []
    return Content("\n").join([*whole, *idle, first, second.stylize("$faint")])


_CHANGE: dict[Change, str] = {
    "never": "fixed once the run is created",
    "until it trains": "fixed once it trains",
    "on resume": "",
    "while it trains": "can be changed while it trains",
}


def _takes(one: Setting) -> str:
    if one.meanings or one.entails.picked in ("method", "rewards"):
        return "Enter lists them"
    if one.kind == "choice":
        return one.wanted or " | ".join(map(str, one.choices))
    if one.kind == "list" and not one.words:
        return "one per line"
    return "yes | no" if one.kind == "switch" else one.expected
