"""The rows of a data set, a page of them, and the one under the cursor in full."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from textual.content import Content

from tuitune.text import clean
from tuitune.tui.mask.mask_words import KINDS
from tuitune.tui.widgets.row_list import ListRow
from tuitune.tui.workbench.bench import Target
from tuitune.tui.workbench.row_text import gist, whole
from tuitune.tui.workbench.view import View, refused
from tuitune.views.data_page import PageRow

_NUMBER = 7
_DROPPED, _UNUSABLE, _REMARKED = ("–", "$warn"), ("✗", "$bad"), ("⚠", "$warn")


class RowsView(View):
    """Its keys are row numbers."""

    NAME = "rows"
    TITLE = "Rows"

    DEFAULT_CSS = """
    RowsView {
        #below { height: 3fr; max-height: 100%; }
        RowList { height: 2fr; }
    }
    """

    original = False

    def show(self, *, cursor: str | None = None) -> None:
        super().show(cursor=cursor)
        page = self.bench.page
        if page is not None and page.rows:
            last = page.rows[-1].row.number
            self.set_title(self.TITLE, f"{page.first:,} to {last:,}{'' if page.complete else ' · ] next page'}")
        else:
            self.set_title(self.TITLE)

    def notice(self) -> Content | None:
        bench = self.bench
        if bench.refusal:
            return refused(bench.refusal)
        if bench.page is None:
            return Content.styled("Reading the rows …", "$faint")
        return None if bench.page.rows else Content.styled("No rows here.", "$faint")

    def rows(self) -> Sequence[ListRow]:
        remarks = self._remarks()
        return [_row(one, ", ".join(remarks.get(one.row.number, ())), out=self._is_out(one)) for one in self._page]

    @property
    def _page(self) -> Sequence[PageRow]:
        return self.bench.page.rows if self.bench.page is not None else ()

    def _remarks(self) -> dict[int, list[str]]:
        """Row number → what the scan and the tokens say of rows that can be used, as far as they have looked."""
        bench, remarks = self.bench, defaultdict[int, list[str]](list)
        for row, earlier in (bench.scan or {}).get("duplicate_rows", ()):
            remarks[row].append(f"repeats row {earlier:,}")
        tokens = bench.jobs["tokens"].result if bench.is_training_data else None
        for one in (tokens or {}).get("odd", ()):
            remarks[one["row"]].append(clean(KINDS.get(one["kind"], one["kind"]), limit=40))
        return remarks

    def _is_out(self, one: PageRow) -> bool:
        """Whether a row is not trained on: left out by hand, or dropped because it cannot be used."""
        return self.bench.is_left_out(one.mark) or (one.problem is not None and self.bench.drops_unusable)

    def detail(self, key: str) -> Content:
        row = self._at(key)
        if row is None:
            return Content("")
        remarks = self._remarks().get(row.row.number, ())
        return whole(row, original=self.original, left_out=self.bench.is_left_out(row.mark), remarks=remarks)

    @property
    def target(self) -> Target | None:
        row = self._at(self.current)
        return Target(row.row.number, row.mark) if row is not None else None

    def _at(self, key: str) -> PageRow | None:
        return next((one for one in self._page if str(one.row.number) == key), None)

    def problem_from(self, number: int, by: int) -> int | None:
        """The number of the next (1) or previous (-1) row on this page that cannot be used."""
        wrong = [one.row.number for one in self._page if one.problem is not None]
        beyond = [one for one in wrong if (one - number) * by > 0]
        return min(beyond, key=lambda one: abs(one - number), default=None)


def _row(page_row: PageRow, remark: str, *, out: bool) -> ListRow:
    def draw(width: int) -> list[Content]:
        sign = _DROPPED if out else _UNUSABLE if page_row.problem else _REMARKED if remark else (" ", "")
        room = max(width - _NUMBER - 3, 1)
        text = clean(page_row.problem, limit=room) if page_row.problem else gist(page_row, room)
        said = (f"{remark} · " if remark and not page_row.problem else "", "$warn")
        number = Content.styled(f"{page_row.row.number:>{_NUMBER},} ", "$faint")
        line = Content.assemble(number, sign, " ", said, (text, "$faint") if out else text)
        return [line.truncate(width, ellipsis=True)]

    return ListRow(str(page_row.row.number), draw)
