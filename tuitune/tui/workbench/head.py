"""The head of the workbench: its views in one line, and what is known of the data in three."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from tuitune.data.purpose import refusal_of
from tuitune.data.sources.rows import name_of
from tuitune.text import clean
from tuitune.tui.widgets.bars import joined, labelled
from tuitune.tui.widgets.tabs import Tabs
from tuitune.tui.workbench.bench import Bench, Job
from tuitune.tui.workbench.view import View, progress_content
from tuitune.units import counted, percent_text


class ViewTabs(Tabs):
    """The views with their numbers, the one shown underlined."""

    GAP = 2

    def show(self, views: Sequence[View], current: View) -> None:
        tabs = [(view.NAME, _tab(at, view, view is current)) for at, view in enumerate(views, 1)]
        self.show_tabs(tabs, current.NAME)


def _tab(number: int, view: View, current: bool) -> Content:
    job = view.job if view.JOB else Job()
    sign = ("✗", "$bad") if job.error else ("…", "$faint") if job.task and job.working else ""
    return Content.assemble((f"{number} ", "$faint"), (view.TITLE, "$accent bold underline" if current else ""), sign)


def head_lines(bench: Bench, width: int) -> list[Content]:
    """Name and rows, shape and why, and what was found in the rows."""
    return [line.truncate(width, ellipsis=True) for line in (_first(bench), _shape(bench), _found(bench))]


def _first(bench: Bench) -> Content:
    name = Content.styled(name_of(bench.source), "bold")
    role = "" if bench.is_training_data else "held out" if bench.is_held_out else "mixed in"
    job = bench.jobs["scan"]
    if bench.scan is not None:
        rows: Content | str = f"{bench.scan['rows']:,} rows"
    elif job.error or bench.refusal:
        rows = ""
    elif job.progress is not None:
        rows = progress_content(job)
    else:
        rows = "reading …"
    return joined([name, role or None, rows or None])


def _shape(bench: Bench) -> Content:
    found = bench.detection
    if found is None:
        return Content("")
    share = bench.scan["share"] if bench.scan is not None else found.share
    counted = bench.scan is not None or bench.data.shape == "auto"
    columns = ", ".join(f"{role}={column}" for role, column in found.columns.items() if role != column)
    return joined(
        [
            labelled("shape", Content.styled(found.shape, "bold")),
            f"{percent_text(share)} fit" if counted else None,
            clean(found.reason, limit=300),
            clean(columns, limit=200) or None,
        ]
    )


def _found(bench: Bench) -> Content:
    if bench.detection is not None and bench.detection.unreadable:
        return Content.assemble(("✗ ", "$bad"), clean(bench.detection.unreadable))
    if bench.detection is not None and (why := refusal_of(bench.detection, bench.objective, None)) is not None:
        return Content.assemble(("✗ ", "$bad"), ("m", "bold $accent"), " shows your options: ", clean(why))
    if bench.refusal:
        return Content("")
    if bench.jobs["scan"].error:
        return Content.assemble(("✗ ", "$bad"), clean(bench.jobs["scan"].error, limit=400))
    scan = bench.scan
    if scan is None:
        return Content("")
    problems, left_out, kept = scan["problem_count"], len(bench.recipe.data.exclude), bench.jobs["clean"].result
    return joined(
        [
            _problems(problems, dropped=bench.drops_unusable),
            counted(scan["duplicates"], "duplicate") if scan["duplicates"] else "no duplicates",
            f"– {left_out:,} dropped by hand" if left_out else None,
            f"{kept['train']:,} to train on, {kept['held_out']:,} held out" if kept else None,
        ]
    )


def _problems(count: int, *, dropped: bool) -> Content:
    if not count:
        return Content.styled("✓ every row usable", "$ok")
    if dropped:
        return Content.styled(f"– {count:,} unusable, dropped", "$warn")
    return Content.styled(f"✗ {counted(count, 'problem')}", "$bad")
