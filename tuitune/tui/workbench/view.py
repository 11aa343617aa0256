"""One view of the workbench: a list, and beside or below it what its cursor is on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from tuitune.text import clean, redact
from tuitune.tui.widgets.bars import progress_bar
from tuitune.tui.widgets.pane import Pane
from tuitune.tui.widgets.row_list import ListRow, RowList, text_row
from tuitune.tui.workbench.bench import Bench, Job, Target

_BAR = 20
_LEVELS = {"ok": ("✓", "$ok"), "info": ("·", "$faint"), "warning": ("⚠", "$warn"), "error": ("✗", "$bad")}


class View(Pane):
    """Base of the views. A view makes its rows in `rows`; the keys of a row say to the other methods what it is."""

    NAME: ClassVar[str]
    TITLE: ClassVar[str]
    JOB: ClassVar[str] = ""
    """The kind of work that the view shows the outcome of."""
    DOING: ClassVar[str] = ""
    """What that work does, for as long as it does it."""

    DEFAULT_CSS = """
    View {
        height: 1fr;
        #titles { height: 1; padding-left: 2; display: none; }
        RowList { height: 1fr; }
        #below { height: auto; max-height: 6; border-top: solid $rule; padding: 0 0 0 2; }
        #detail { height: auto; }
        &.-notice RowList { height: 1; }
        &.-notice #below { height: 1fr; max-height: 100%; border: none; }
    }
    """

    class Moved(Message):
        """The cursor of the view is on another row."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(self.TITLE, id=f"view-{self.NAME}")
        self.bench = bench
        self._detail = Content("")

    def compose(self) -> ComposeResult:
        yield Static(id="titles")
        yield RowList()
        with VerticalScroll(id="below", can_focus=False) as below:
            below.display = False
            yield Static(id="detail")

    @property
    def list(self) -> RowList:
        return self.query_one(RowList)

    @property
    def current(self) -> str:
        """The key of the row under the cursor; "" for none."""
        return self.list.current or ""

    @property
    def job(self) -> Job:
        return self.bench.jobs[self.JOB]

    def show(self, *, cursor: str | None = None) -> None:
        """Draw what is known now; what stays the same is not sent again."""
        notice = self.notice()
        self.set_class(notice is not None, "-notice")
        self.list.set_rows(self.rows() if notice is None else [], cursor=cursor)
        self._show_detail()

    def notice(self) -> Content | None:
        """What is said instead of the list: why there is nothing in it. By default, how far the work is."""
        if not self.JOB or self.job.result is not None:
            return None
        if self.job.error:
            return refused(self.job.error)
        return Content.assemble(f"{self.DOING} … ", progress_content(self.job))

    @abstractmethod
    def rows(self) -> Sequence[ListRow]:
        """The list; asked for where there is no notice."""

    def detail(self, key: str) -> Content:
        """What is said below about the row `key`."""
        return Content("")

    @property
    def target(self) -> Target | None:
        """The row of the data that the row under the cursor is about."""
        return None

    @property
    def fix(self) -> dict[str, Any] | None:
        """The change to the draft that the row under the cursor proposes."""
        return None

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.notify(redact(str(event.worker.error)), title=f"{event.worker.name} failed", severity="error")

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()
        self._show_detail()
        self.post_message(self.Moved())

    def _show_detail(self) -> None:
        detail = self.notice() or (self.detail(self.current) if self.current else Content(""))
        if not detail.is_same(self._detail):
            self._detail = detail
            below = self.query_one("#below", VerticalScroll)
            below.display = bool(detail)
            below.scroll_home(animate=False)
            self.query_one("#detail", Static).update(detail)

    def scroll_detail(self, lines: int) -> None:
        self.query_one("#below", VerticalScroll).scroll_relative(y=lines, animate=False)


def heading(text: str) -> ListRow:
    return text_row(f"heading {text}", Content.styled(text, "$faint"))


def finding(one: Mapping[str, Any], text: str, more: str = "") -> Content:
    """A finding as one line: sign and text by its level, and a remark of ours."""
    sign, colour = _LEVELS.get(one.get("level", "info"), _LEVELS["info"])
    return Content.assemble((f"{sign} ", colour), clean(text, limit=400), (f"  {more}" if more else "", "$accent"))


def refused(reason: str) -> Content:
    """Why there is nothing to show, a line for each of the problems."""
    lines = [Content.assemble(("✗ ", "$bad"), clean(line, limit=1000)) for line in reason.splitlines()]
    return Content("\n").join(lines)


def progress_content(job: Job) -> Content:
    """`12,000 of 52,000 rows ━━━━╸····`."""
    progress = job.progress
    if progress is None:
        return Content("")
    text = clean(progress.text, limit=400)
    if not progress.total:
        return Content.assemble(text, f" {progress.done:,} {progress.unit}" if progress.done else "")
    figures = f" {progress.done:,} of {progress.total:,} {progress.unit} "
    return Content.assemble(text, figures, progress_bar(progress.done / progress.total, _BAR))
