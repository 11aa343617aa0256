"""Everything wrong with the rows, as a table: narrowed by kind and by words, and a page at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from tuitune.data.purpose import refusal
from tuitune.data.scan import problems
from tuitune.data.scan.report import DataProblem
from tuitune.data.tasks import Task
from tuitune.problem import TuituneError
from tuitune.recipe.document import write_text
from tuitune.text import clean
from tuitune.tui.widgets.columns import Column, table_row, titles
from tuitune.tui.widgets.line import LineInput
from tuitune.tui.widgets.row_list import ListRow
from tuitune.tui.workbench.bench import Target
from tuitune.tui.workbench.view import View

PAGE = 200
MOST_EXPORTED = 1_000_000
_COLUMNS = (
    Column("row", 8, right=True),
    Column("line", 8, right=True, rank=3),
    Column("kind", 10, rank=1),
    Column("field", 13, rank=2),
    Column("problem", 0),
)


class ProblemsView(View):
    """Its keys are places in the page of problems shown."""

    NAME = "problems"
    TITLE = "Problems"
    JOB = "scan"
    DOING = "Scanning every row"

    DEFAULT_CSS = """
    ProblemsView {
        #filter { display: none; }
        &.-filtering #filter { display: block; }
        #titles { display: block; }
    }
    """

    found: Sequence[DataProblem] = ()
    total = 0
    first = 0
    kind = ""
    words = ""
    _asked: object = None

    def compose(self) -> ComposeResult:
        yield LineInput(placeholder="words in the message or field", id="filter")
        yield from super().compose()

    def on_resize(self) -> None:
        self.query_one("#titles", Static).update(titles(_COLUMNS, max(self.list.size.width - 2, 1)))

    @property
    def kinds(self) -> dict[str, int]:
        """How many problems there are of each kind."""
        return dict((self.bench.scan or {}).get("problem_kinds", {}))

    def show(self, *, cursor: str | None = None) -> None:
        self._read()
        super().show(cursor=cursor)
        narrowed = [f"kind {self.kind}"] if self.kind else []
        narrowed += [f"with “{self.words}”"] if self.words else []
        last = self.first + len(self.found)
        counted = f"{self.first + 1:,} to {last:,} of {self.total:,}" if self.found else ""
        self.set_title(self.TITLE, " · ".join(filter(None, [*narrowed, counted])))

    def notice(self) -> Content | None:
        if self.found:
            return None
        return super().notice() or self._nothing()

    def _nothing(self) -> Content:
        if self.kind or self.words:
            return Content.styled("No matching problem; Esc shows all.", "$faint")
        if refusal((self.bench.scan or {}).get("shape", ""), self.bench.objective) is not None:
            return Content.styled("Rows are checked once they have a usable shape: press m.", "$faint")
        return Content.assemble(("✓ ", "$ok"), "Every row is usable.")

    def rows(self) -> Sequence[ListRow]:
        return [self._row(at, problem) for at, problem in enumerate(self.found)]

    def _row(self, at: int, problem: DataProblem) -> ListRow:
        left_out = bool(problem.mark) and self.bench.is_left_out(problem.mark)
        where = f"{problem.line:,}" if problem.line else ""
        said = Content.assemble(("– dropped  ", "$warn") if left_out else "", clean(problem.message))
        style = "$faint" if left_out else ""
        return table_row(str(at), _COLUMNS, [f"{problem.row:,}", where, problem.kind, problem.field, said], style)

    def detail(self, key: str) -> Content:
        problem = self.found[int(key)]
        place = [f"row {problem.row}", problem.file, f"line {problem.line}" if problem.line else "", problem.field]
        where = clean(" · ".join(filter(None, place)), limit=300)
        return Content.assemble((where, "$faint"), "\n", clean(problem.message, newlines=True, limit=2000))

    @property
    def target(self) -> Target | None:
        if not self.current:
            return None
        problem = self.found[int(self.current)]
        return Target(problem.row, problem.mark)

    # Which problems are listed

    def turn(self, by: int) -> None:
        first = self.first + by * PAGE
        if 0 <= first < self.total:
            self.narrow(first=first)

    def next_kind(self) -> None:
        kinds = ["", *self.kinds]
        self.narrow(kind=kinds[(kinds.index(self.kind) + 1) % len(kinds)] if self.kind in kinds else "")

    def narrow(self, *, kind: str | None = None, words: str | None = None, first: int = 0) -> None:
        """List the problems of a kind, or with these words, from the `first` on."""
        self.kind = self.kind if kind is None else kind
        self.words = self.words if words is None else words
        self.first = first
        self.show(cursor="0")

    def _read(self) -> None:
        """Read the problems anew where others are asked for, or where the scan may have found more for this page."""
        task, progress = self.job.task, self.job.progress
        if task is None or progress is None:
            return
        found = progress.state if progress.state != "working" or len(self.found) >= PAGE else progress.done
        asked = (task.folder, found, self.first, self.kind, self.words)
        if asked != self._asked:
            self._asked = asked
            self._list(task)

    @work(exclusive=True, group="problems", exit_on_error=False, name="Reading the problems")
    async def _list(self, task: Task) -> None:
        self.found, self.total = await asyncio.to_thread(
            problems, task, first=self.first, count=PAGE, kind=self.kind, text=self.words
        )
        self.show()

    @work(thread=True, exclusive=True, group="export", exit_on_error=False, name="Writing the problems")
    def export(self, path: Path) -> None:
        """Write the problems of the kind and with the words asked for, one JSON object a line."""
        task, kind, words = self.job.task, self.kind, self.words
        if task is None:
            return
        try:
            found, total = problems(task, first=0, count=MOST_EXPORTED, kind=kind, text=words)
            write_text(path, "".join(json.dumps(asdict(problem)) + "\n" for problem in found))
        except (OSError, TuituneError) as error:
            self.app.notify(str(error), title="Not written", severity="error")
        else:
            more = f" of {total:,}" if total > len(found) else ""
            self.app.notify(f"{len(found):,}{more} problems in {path}", title="Written")

    # The line to type words in

    def open_filter(self) -> None:
        self.add_class("-filtering")
        self.query_one(Input).focus()

    def close_filter(self) -> bool:
        """Forget the words and the kind; False where there were none."""
        if not self.has_class("-filtering") and not self.kind:
            return False
        self.remove_class("-filtering")
        self.query_one(Input).value = ""
        self.list.focus()
        self.narrow(kind="", words="")
        return True

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value.strip() != self.words:
            self.narrow(words=event.value.strip())

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.set_class(bool(self.words), "-filtering")
        self.list.focus()
