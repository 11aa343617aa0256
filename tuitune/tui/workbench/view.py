"""One view of the workbench: a list, and beside or below it what its cursor is on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tuitune.text import clean
from tuitune.tui.widgets.bars import progress_bar
from tuitune.tui.widgets.pane import Pane
from tuitune.tui.widgets.row_list import ListRow, RowList
from tuitune.tui.workbench.bench import Bench, Job, Target

_BAR = 20


class View(Pane):
    """Base of the views. A view makes its rows in `rows`; the keys of a row say to the other methods what it is."""

    NAME: ClassVar[str] = ""
    TITLE: ClassVar[str] = ""
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
    def job(self) -> Job:
        return self.bench.jobs[self.JOB]

    @property
    def job_failed(self) -> bool:
        return bool(self.JOB and self.job.error)

    @property
    def job_working(self) -> bool:
        """Whether a process is at work for this view."""
        return bool(self.JOB and self.job.task and self.job.working)

    def show(self, *, cursor: str | None = None) -> None:
        """Draw what is known now; what stays the same is not sent again."""
        notice = self.notice()
        self.set_class(notice is not None, "-notice")
        self.list.set_rows(self.rows() if notice is None else [], cursor=cursor)
        self._show_detail()

    def notice(self) -> Content | None:
        """What is said instead of the list: why there is nothing in it. By default, how far the work is."""
        return work_notice(self.job, self.DOING) if self.JOB and self.job.result is None else None

    def rows(self) -> Sequence[ListRow]:
        """The list; asked for where there is no notice."""
        raise NotImplementedError

    def detail(self, key: str) -> Content:
        """What is said below about the row under the cursor."""
        return Content("")

    def target(self, key: str) -> Target | None:
        """The row of the data that a row of the list is about."""
        return None

    def fix(self, key: str) -> dict[str, Any] | None:
        """The change to the draft that a row of the list proposes."""
        return None

    @property
    def current_target(self) -> Target | None:
        return self.target(self.list.current) if self.list.current is not None else None

    @property
    def current_fix(self) -> dict[str, Any] | None:
        return self.fix(self.list.current) if self.list.current is not None else None

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()
        self._show_detail()
        self.post_message(self.Moved())

    def _show_detail(self) -> None:
        key = self.list.current
        detail = self.notice() or (self.detail(key) if key is not None else Content(""))
        if not detail.is_same(self._detail):
            self._detail = detail
            self.query_one("#below").display = bool(detail)
            self.query_one("#detail", Static).update(detail)
            self.query_one("#below", VerticalScroll).scroll_home(animate=False)

    def scroll_detail(self, lines: int) -> None:
        self.query_one("#below", VerticalScroll).scroll_relative(y=lines, animate=False)


def text_row(key: str, content: Content | str, *, selectable: bool = False) -> ListRow:
    """A line of text in a list; strings are ours, not foreign."""
    shown = content if isinstance(content, Content) else Content(content)
    return ListRow(key, lambda width: [shown], selectable=selectable)


def heading(text: str) -> ListRow:
    return text_row(f"heading {text}", Content.styled(text, "$faint"))


def refused(reason: str) -> Content:
    """Why there is nothing to show, a line for each of the problems."""
    lines = [Content.assemble(("✗ ", "$bad"), clean(line, limit=1000)) for line in reason.splitlines()]
    return Content("\n").join(lines)


def work_notice(job: Job, doing: str) -> Content:
    """How far work is that has no outcome yet, or why nothing comes of it."""
    return refused(job.error) if job.error else Content.assemble(f"{doing} … ", progress_content(job))


def progress_content(job: Job) -> Content:
    """`12,000 of 52,000 rows ━━━━╸····`."""
    progress = job.progress
    if progress is None:
        return Content("")
    if progress.total:
        figures = f"{progress.done:,} of {progress.total:,} {progress.unit} "
        return Content.assemble(
            _one_line(progress.text), " ", figures, progress_bar(progress.done / progress.total, _BAR)
        )
    return Content.assemble(_one_line(progress.text), f" {progress.done:,} {progress.unit}" if progress.done else "")


def _one_line(text: str) -> str:
    return clean(text, limit=400)
