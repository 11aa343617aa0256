"""The data workbench: the data of a draft looked at, mapped, cleaned and measured before it costs any training."""

from __future__ import annotations

import asyncio
import threading
from functools import partialmethod
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer
from textual.worker import get_current_worker

from tuitune.data.detect import Detection, recognise
from tuitune.data.sources.rows import name_of
from tuitune.data.tasks import Progress, Task
from tuitune.problem import TuituneError
from tuitune.tui.actions import bindings
from tuitune.tui.base import TuituneScreen
from tuitune.tui.draft_keys import DraftKeys
from tuitune.tui.widgets.dialogs import Choice, Choose
from tuitune.tui.widgets.key_bar import KeyBar
from tuitune.tui.widgets.row_list import RowList
from tuitune.tui.widgets.rows import Rows
from tuitune.tui.workbench.bench import Bench, begin_work
from tuitune.tui.workbench.head import ViewTabs, head_lines
from tuitune.tui.workbench.keys import WorkbenchKeys
from tuitune.tui.workbench.view import View
from tuitune.tui.workbench.views import Views
from tuitune.views.data_page import PAGE_ROWS, read_page
from tuitune.views.draft import Draft, Version
from tuitune.views.inspector_client import Inspector

_LOOK_SECONDS = 0.25
_SETTLE_SECONDS = 0.3


class WorkbenchScreen(TuituneScreen):
    """Looks at the training data of a draft, or at `source` among its data. What is changed are steps of the draft.

    The scan, the cleaning and the tokenizing are done by processes that go on when the screen is left, and are found
    again.
    """

    NAME = "workbench"
    AUTO_FOCUS = "#view-rows RowList"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(NAME)]
    DEFAULT_CSS = """
    WorkbenchScreen {
        #head { height: 3; padding: 0 1; }
        &.-wide RowsView {
            layout: grid; grid-size: 2 1; grid-columns: 2fr 3fr;
            RowList, #below { height: 100%; }
            #below { border-top: none; border-left: solid $rule; }
        }
        &.-wide RowsView.-notice {
            layout: vertical;
            RowList { height: 1; }
            #below { height: 1fr; border: none; }
        }
    }
    """

    def __init__(self, draft: Draft, base: Path, source: str | None = None) -> None:
        super().__init__()
        self.draft = draft
        self.bench = Bench(draft, base, source or draft.recipe.data.train)
        self.views = Views(self.bench)
        self.inspector = Inspector()
        keys = WorkbenchKeys(self, self.bench, self.views, self.inspector, go_to=self.go_to, changed=self.changed)
        self.handlers = (keys, DraftKeys(self, draft, base, keys.moved))
        self._drawn: Version | None = None
        self._pending: Timer | None = None

    def compose(self) -> ComposeResult:
        yield ViewTabs()
        yield Rows(id="head")
        yield self.views
        yield KeyBar()

    def on_mount(self) -> None:
        self.read()
        self.begin_all()
        self.set_interval(_LOOK_SECONDS, self._look)
        self.redraw()

    def on_unmount(self) -> None:
        threading.Thread(target=self.inspector.close, name="Closing the mask inspector").start()

    def on_screen_resume(self) -> None:
        """The mask inspector may have changed the draft, and may have been left before it answered."""
        self._warm()
        if self._drawn is not None and self._drawn is not self.draft.version:
            self.changed()

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    @work(thread=True, exit_on_error=False, name="Starting the mask inspector")
    def _warm(self) -> None:
        """Rows are looked at next: the inspector is started before it is asked for one."""
        self.inspector.start()

    # What is shown

    @property
    def view(self) -> View:
        """The view in front."""
        return self.views.front

    def redraw(self, *, cursor: str | None = None) -> None:
        """Draw the head and the view in front; what stays the same is not sent again."""
        self._drawn = self.draft.version
        width = max(self.size.width - 2, 1)
        self.query_one(ViewTabs).show(self.views.in_order, self.view)
        self.query_one("#head", Rows).show_lines(head_lines(self.bench, width))
        self.view.show(cursor=cursor)
        self.refresh_keys()

    @on(ViewTabs.Chosen)
    def _tab_chosen(self, event: ViewTabs.Chosen) -> None:
        self.show_view(next(view for view in self.views.in_order if event.key == view.NAME))

    @on(View.Moved)
    def _moved(self) -> None:
        self.refresh_keys()

    def show_view(self, view: View) -> None:
        """Bring a view to the front, and begin the work that it shows the outcome of."""
        if view is not self.view:
            self.views.bring(view)
        view.list.focus()
        self.begin_all()
        self.redraw()

    def changed(self) -> None:
        """The draft is another one now: read the rows as it says, and have done again what that alters."""
        bench = self.bench
        if bench.source not in bench.sources:
            self.open_source(bench.sources[0])
            return
        if bench.opening:
            self._read_as(recognise(list(bench.opening), bench.data.shape, bench.data.columns))
        self.redraw()
        if self._pending is not None:
            self._pending.stop()
        self._pending = self.set_timer(_SETTLE_SECONDS, self.begin_all)

    def _read_as(self, found: Detection) -> None:
        bench = self.bench
        if bench.page is not None and bench.detection != found:
            bench.page = bench.page.read_as(found)
        bench.detection = found

    # Rows

    def go_to(self, number: int) -> None:
        """Show a row of the data."""
        self.show_view(self.views.rows)
        if not self.views.rows.list.move_to(str(number)):
            self.read(number)

    def open_source(self, source: str) -> None:
        """Look at another data set of the draft."""
        self.bench.open(source)
        self.read()
        self.begin_all()
        self.redraw()

    @work(exclusive=True, group="page", exit_on_error=False, name="Reading the rows")
    async def read(self, number: int = 1) -> None:
        """Show the page that the row `number` is on, with the cursor on it."""
        bench, worker = self.bench, get_current_worker()
        try:
            page = await asyncio.to_thread(
                read_page,
                bench.data,
                base=bench.base,
                number=number,
                detection=bench.detection,
                cancelled=lambda: worker.is_cancelled,
            )
        except TuituneError as error:
            bench.page, bench.refusal = None, str(error)
            self.redraw()
            return
        if not page.rows and bench.page is not None:
            self.notify("These are the last rows")
            return
        if page.first == 1:
            bench.opening = tuple(one.row for one in page.rows)
        found = bench.detection or page.detection
        bench.page, bench.detection, bench.refusal = page.read_as(found), found, ""
        self.redraw(cursor=str(number) if self.view is self.views.rows else None)

    # Work

    def begin_all(self) -> None:
        """Begin the scan, and what the views opened so far show, for the draft as it is now."""
        kinds = {"scan", self.view.JOB, *(kind for kind, job in self.bench.jobs.items() if job.key is not None)}
        for kind in sorted(kinds - {""}):
            job, key = self.bench.jobs[kind], self.bench.key_of(kind)
            if job.key != key:
                self._begin(kind, key, job.supersede(key))

    @work(exit_on_error=False, name="Starting the work")
    async def _begin(self, kind: str, key: object, idle: Task | None) -> None:
        """Begin the work that `key` stands for, or find it; or keep why it cannot be begun."""
        job, recipe, data = self.bench.jobs[kind], self.bench.recipe, self.bench.data
        if idle is not None:
            await asyncio.to_thread(idle.cancel)
        task, failure = None, None
        try:
            task = await asyncio.to_thread(begin_work, kind, recipe, data, self.bench.base)
        except TuituneError as error:
            failure = Progress("failed", error=str(error))
        if job.key == key:
            job.task, job.progress = task, failure
            self._look(news=True)

    def _look(self, news: bool = False) -> None:
        """Look how far the work is, and draw what is new."""
        found = [kind for kind, job in self.bench.jobs.items() if job.look()]
        scan = self.bench.scan
        if "scan" in found and scan is not None:
            self._read_as(Detection(scan["shape"], dict(scan["columns"]), scan["reason"], scan.get("share", 1.0)))
        if found or news:
            self.redraw()

    @on(RowList.DoubleClicked)
    async def _double_clicked(self) -> None:
        await self.action_perform("look")

    # Keys: views, pages, sources

    def why_disabled(self, name: str) -> str | None:
        if name in ("page_next", "page_previous") and self.view not in (self.views.rows, self.views.problems):
            return "This view has no pages"
        if name == "source" and len(self.bench.sources) < 2:
            return "The recipe has no other data"
        return super().why_disabled(name)

    def action_view(self, number: int) -> None:
        self.show_view(self.views.in_order[number - 1])

    def _show_beside(self, by: int) -> None:
        """The view so many places after the one in front; the first follows the last."""
        views = self.views.in_order
        self.show_view(views[(views.index(self.view) + by) % len(views)])

    action_next_view = partialmethod(_show_beside, 1)
    action_previous_view = partialmethod(_show_beside, -1)

    def leave(self) -> bool:
        return self.view is self.views.problems and self.views.problems.close_filter()

    def _turn(self, by: int) -> None:
        """Show the next page, or the one before."""
        page = self.bench.page
        if self.view is self.views.problems:
            self.views.problems.turn(by)
        elif page is None or (page.complete if by > 0 else page.first == 1):
            self.notify(f"These are the {'last' if by > 0 else 'first'} rows")
        else:
            self.read(page.first + PAGE_ROWS if by > 0 else page.first - 1)

    action_page_next = partialmethod(_turn, 1)
    action_page_previous = partialmethod(_turn, -1)

    def action_original(self) -> None:
        self.views.rows.original = not self.views.rows.original
        self.redraw()

    def _scroll(self, lines: int) -> None:
        self.view.scroll_detail(lines)

    action_scroll_down = partialmethod(_scroll, 3)
    action_scroll_up = partialmethod(_scroll, -3)

    def action_source(self) -> None:
        bench = self.bench
        roles = {bench.recipe.data.train: "training", bench.recipe.data.eval: "held out"}
        options = [Choice(name, name_of(name), roles.get(name, "mixed in")) for name in bench.sources]
        self.app.push_screen(
            Choose("Look at", options, bench.source), lambda name: self.open_source(name) if name else None
        )
