"""The data preview: real rows, the shape recognised and why, and the row under the cursor in full."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import Worker, WorkerState, get_current_worker

from tuitune.problem import TuituneError
from tuitune.recipe.schema import DataSection
from tuitune.text import clean
from tuitune.tui.data_page import DataPage, PageRow, read_page
from tuitune.tui.widgets.dialogs import Dialog
from tuitune.tui.widgets.row_list import Row, RowList

_LONGEST = 20_000
_KEYS = "n next problem · o as in the file · J K scroll · Esc back"


class DataPreview(Dialog[None]):
    """Shows the first rows of `data.train` as training reads them, or as they lie in the file."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next_problem", show=False),
        Binding("o", "original", show=False),
        Binding("J,ctrl+down", "scroll_row(1)", show=False),
        Binding("K,ctrl+up", "scroll_row(-1)", show=False),
        Binding("q", "leave", show=False),
    ]
    DEFAULT_CSS = """
    DataPreview #window { width: 96%; max-width: 160; height: 94%; }
    DataPreview #about { height: auto; max-height: 6; padding: 0 0 0 2; }
    DataPreview RowList { height: 2fr; border-top: solid $rule; }
    DataPreview VerticalScroll { height: 3fr; border-top: solid $rule; padding: 0 0 0 2; }
    DataPreview #row { height: auto; }
    """

    class Loaded(Message):
        """The rows are here."""

        def __init__(self, page: DataPage) -> None:
            super().__init__()
            self.page = page

    class Refused(Message):
        """There are no rows to show."""

        def __init__(self, error: TuituneError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, data: DataSection, base: Path) -> None:
        super().__init__(f"Data: {data.train}", _KEYS)
        self._data = data
        self._base = base
        self._page: DataPage | None = None
        self._original = False

    def compose(self) -> ComposeResult:
        with self._window:
            yield Static("Reading the first rows …", id="about")
            yield RowList()
            with VerticalScroll(can_focus=False):
                yield Static(id="row")

    def on_mount(self) -> None:
        self.list.focus()
        self._load()

    @property
    def list(self) -> RowList:
        return self.query_one(RowList)

    @work(thread=True, exit_on_error=False)
    def _load(self) -> None:
        worker = get_current_worker()
        try:
            page = read_page(self._data, base=self._base, cancelled=lambda: worker.is_cancelled)
        except TuituneError as error:
            self.post_message(self.Refused(error))
            return
        if not worker.is_cancelled:
            self.post_message(self.Loaded(page))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.post_message(self.Refused(TuituneError(f"{type(event.worker.error).__name__}: {event.worker.error}")))

    def on_data_preview_refused(self, event: Refused) -> None:
        lines = [Content.assemble(("✗ ", "$bad"), clean(str(problem))) for problem in event.error.problems]
        self.query_one("#about", Static).update(Content("\n").join(lines))

    def on_data_preview_loaded(self, event: Loaded) -> None:
        self._page = event.page
        self.query_one("#about", Static).update(_about(event.page))
        self.list.set_rows([_row(str(place), row) for place, row in enumerate(event.page.rows)])
        self._show_row(self.list.current)

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        self._show_row(event.key)

    def _show_row(self, key: str | None) -> None:
        if self._page is not None and key is not None:
            self.query_one("#row", Static).update(_whole(self._page.rows[int(key)], self._original))
            self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_original(self) -> None:
        self._original = not self._original
        self._show_row(self.list.current)

    def action_scroll_row(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by * 3, animate=False)

    def action_next_problem(self) -> None:
        if self._page is None or self.list.current is None:
            return
        here, rows = int(self.list.current), self._page.rows
        wrong = [place for place, row in enumerate(rows) if row.problem is not None]
        if wrong:
            self.list.move_to(str(next((place for place in wrong if place > here), wrong[0])))
        else:
            self.notify("No row shown here has a problem")


def _about(page: DataPage) -> Content:
    found = page.detection
    count = f"all {len(page.rows):,} rows" if page.complete else f"the first {len(page.rows):,} rows"
    wrong = sum(row.problem is not None for row in page.rows)
    lines = [Content.assemble(("shape   ", "$faint"), (found.shape, "bold"), f"  {clean(found.reason)}")]
    if found.columns:
        roles = Content("  ").join(
            Content.assemble((f"{clean(role)}=", "$faint"), clean(column)) for role, column in found.columns.items()
        )
        lines.append(Content.styled("columns ", "$faint") + roles)
    verdict = (
        Content.styled(f"⚠ {wrong:,} cannot be used", "$warn")
        if wrong
        else Content.styled("every one usable", "$faint")
    )
    if page.refusal:
        verdict = Content.assemble(("✗ ", "$bad"), clean(page.refusal))
    lines.append(Content.assemble(("shown   ", "$faint"), f"{count} · ", verdict))
    return Content("\n").join(lines)


def _row(key: str, page_row: PageRow) -> Row:
    def draw(width: int) -> list[Content]:
        number = Content.styled(f"{page_row.row.number:>5} ", "$faint")
        mark = Content.styled("✗ ", "$bad") if page_row.problem else Content("  ")
        text = clean(page_row.problem or _gist(page_row), limit=width)
        return [Content.assemble(number, mark, text).truncate(width, ellipsis=True)]

    return Row(key, draw)


def _gist(page_row: PageRow) -> str:
    canonical = page_row.canonical
    if canonical is None:
        return json.dumps(page_row.row.values, ensure_ascii=False, default=str)[:2000]
    if "messages" in canonical:
        return " → ".join(str(turn["content"])[:200] for turn in canonical["messages"] if turn["role"] != "system")
    return " → ".join(str(value)[:400] for value in canonical.values())


def _whole(page_row: PageRow, original: bool) -> Content:
    row = page_row.row
    where = f"row {row.number}" + (f", line {row.line}" if row.line else "")
    parts = [Content.styled(where + (" · as in the file" if original else ""), "$faint")]
    if page_row.problem:
        parts.append(Content.assemble(("✗ ", "$bad"), clean(page_row.problem)))
    if original or page_row.canonical is None:
        parts += _fields(row.values or {})
    elif "messages" in page_row.canonical:
        parts += [_part(turn["role"], turn["content"]) for turn in page_row.canonical["messages"]]
    else:
        parts += [_part(name, value) for name, value in page_row.canonical.items()]
    return Content("\n").join(parts)


def _fields(values: Mapping[str, Any]) -> list[Content]:
    return [
        _part(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str))
        for name, value in values.items()
    ]


def _part(name: object, text: object) -> Content:
    label = Content.styled(clean(str(name), limit=60), "$accent")
    return Content.assemble(label, "\n", clean(str(text), limit=_LONGEST, newlines=True))
