"""Which column plays which role, with the first row as training would see it; and the ways out of a refused shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tuitune.data.detect import Detection, recognise
from tuitune.data.purpose import Purpose, refusal_of, settings_of, ways_out
from tuitune.data.sources.rows import Row as DataRow
from tuitune.recipe.sections.data import DataSection
from tuitune.recipe.settings import setting
from tuitune.shapes import ROLES, SHAPES, TRAINABLE, shape_of
from tuitune.shapes.shape import WayOut
from tuitune.text import clean
from tuitune.tui.widgets.dialogs import Dialog
from tuitune.tui.widgets.row_list import ListRow, RowList, text_row
from tuitune.tui.workbench.row_text import whole
from tuitune.tui.workbench.view import heading
from tuitune.views.data_page import converted

_SHAPE = "shape"
_MOST_COLUMNS = 200
_LABEL_WIDTH = 14


class MappingDialog(Dialog[dict[str, Any]]):
    """Gives the settings that the choice changes (key → value)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", show=False),
        Binding("right,l,space", "step(1)", show=False),
        Binding("enter", "use", show=False),
        Binding("J,ctrl+down", "scroll_row(1)", show=False),
        Binding("K,ctrl+up", "scroll_row(-1)", show=False),
    ]
    DEFAULT_CSS = """
    MappingDialog #window { width: 96%; max-width: 140; height: 94%; }
    MappingDialog RowList { height: auto; max-height: 60%; }
    MappingDialog VerticalScroll { height: 1fr; border-top: solid $rule; padding: 0 0 0 2; }
    MappingDialog #seen { height: auto; }
    """

    def __init__(self, data: DataSection, rows: Sequence[DataRow], found: Detection, purpose: Purpose) -> None:
        super().__init__("How rows are read", "↑↓ move · ←→ change · J K scroll · Enter use · Esc back")
        self._rows = [row for row in rows if row.values is not None]
        self._shape: str = data.shape
        self._given = dict(data.columns)
        self._found, self._purpose = found, purpose
        self._ways = ways_out(found, purpose, self._rows[0].values if self._rows else None)

    def compose(self) -> ComposeResult:
        with self._window:
            yield RowList()
            with VerticalScroll(can_focus=False):
                yield Static(id="seen")

    def on_mount(self) -> None:
        self.list.focus()
        self._show(cursor="way 0" if self._ways else _SHAPE)

    @property
    def list(self) -> RowList:
        return self.query_one(RowList)

    @property
    def columns(self) -> Sequence[str]:
        """The columns of the first rows, in their order."""
        names = (name for row in self._rows for name in list(row.values or ())[:_MOST_COLUMNS])
        return list(dict.fromkeys(names))[:_MOST_COLUMNS]

    @property
    def _columns(self) -> dict[str, str]:
        """The columns mapped so far, and those that were recognised, whose roles the shape has: a label that went with
        another shape would let bad answers in. One is let go where it is set to none.
        """
        auto = self._shape == "auto"
        known, roles = ({}, ROLES) if auto else (self._found.columns, SHAPES[self._shape].roles.names)
        return {role: column for role, column in {**known, **self._given}.items() if column and role in roles}

    def _show(self, *, cursor: str | None = None) -> None:
        found = self._detection()
        ways = [
            text_row(f"way {at}", Content.assemble(clean(way.label), ("  Enter", "$accent")), selectable=True)
            for at, way in enumerate(self._ways)
        ]
        options = [heading("your options"), *ways, heading("or map by hand")] if ways else []
        shape = _line(_SHAPE, _SHAPE, self._shape if self._shape != "auto" else f"auto: {found.shape}")
        shown = self._columns or found.columns
        roles = [_line(f"role {role}", role, shown.get(role)) for role in self._roles(found)]
        self.list.set_rows([*options, shape, *roles], cursor=cursor)
        self._preview()

    def _roles(self, found: Detection) -> tuple[str, ...]:
        return SHAPES[found.shape if found.shape in TRAINABLE else shape_of(found.columns)].roles.names

    def _detection(self, changes: Mapping[str, Any] | None = None) -> Detection:
        changes = changes or {}
        shape, columns = changes.get("data.shape", self._shape), changes.get("data.columns", self._columns)
        return recognise(self._rows, shape, columns)

    @on(RowList.Highlighted)
    def _preview(self) -> None:
        way = self._way()
        found = self._detection(settings_of(way) if way else None)
        self.query_one("#seen", Static).update(_seen(self._rows, found, self._purpose))

    def _way(self) -> WayOut | None:
        kind, _, place = (self.list.current or "").partition(" ")
        return self._ways[int(place)] if kind == "way" and place else None

    def action_step(self, by: int) -> None:
        key = self.list.current
        if key == _SHAPE:
            shapes = setting("data.shape").choices
            self._shape = shapes[(shapes.index(self._shape) + by) % len(shapes)]
        elif key is not None and key.startswith("role "):
            self._assign(key.removeprefix("role "), by)
        self._show()

    def _assign(self, role: str, by: int) -> None:
        found = self._detection()
        shown = dict(self._columns or found.columns)
        names = ["", *self.columns]
        at = names.index(shown[role]) if shown.get(role) in names else 0
        shown[role] = names[(at + by) % len(names)]
        if self._shape == "auto":
            self._shape = found.shape if found.shape in TRAINABLE else shape_of(self._roles(found))
        self._given |= shown

    def action_use(self) -> None:
        way = self._way()
        self.dismiss(settings_of(way) if way else {"data.shape": self._shape, "data.columns": self._columns})

    def action_scroll_row(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by * 3, animate=False)


def _seen(rows: Sequence[DataRow], found: Detection, purpose: Purpose) -> Content:
    """The first row as training would see it, or why it would see none."""
    if not rows:
        return Content.styled("No row can be read: nothing to show.", "$faint")
    if (why := refusal_of(found, purpose, None)) is not None:
        return Content.assemble(("✗ ", "$bad"), clean(why), "\n", whole(converted(rows[0], found), original=True))
    return whole(converted(rows[0], found))


def _line(key: str, name: str, value: str | None) -> ListRow:
    label, shown = (name.ljust(_LABEL_WIDTH), "$faint"), clean(value, limit=80) if value else ("none", "$faint")
    return text_row(key, Content.assemble(label, "‹ ", shown, " ›"), selectable=True)
