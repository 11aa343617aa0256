"""One run as one line: the columns that the width allows, and their cells."""

from __future__ import annotations

from textual.content import Content

from tuitune.tui.widgets.bars import spark, state_content
from tuitune.tui.widgets.columns import Column, line, titles
from tuitune.units import age_text, count_text, duration_text, number_text
from tuitune.views.run_line import READING, RunLine

_STATE = Column("state", 10)
_NAME = Column("name", 0)
_STEP = Column("step", 11, right=True)
_LOSS = Column("loss", 8, right=True)
_RATE = Column("tokens/s", 8, right=True)
_ETA = Column("ETA", 9, right=True)
_AGE = Column("age", 4, right=True)


def run_columns(width: int) -> list[Column]:
    """The columns for a list `width` cells wide."""
    if width < 74:
        return [_STATE, _NAME, _STEP, _LOSS]
    if width < 94:
        return [_STATE, _NAME, _STEP, _LOSS, Column("", 6), _ETA, _AGE]
    sources, curve = (16, 6) if width < 114 else (18, 8) if width < 150 else (30, 16)
    model, data = Column("model", sources, path=True), Column("data", sources, path=True)
    rate = [_RATE] if width >= 150 else []
    return [_STATE, _NAME, model, *([data] if width >= 114 else []), _STEP, _LOSS, Column("", curve), *rate, _ETA, _AGE]


def heading(width: int) -> Content:
    return titles(run_columns(width), width)


def run_row(run_line: RunLine, width: int, now: float) -> Content:
    """The line of one run at the wall-clock time `now`; every text in it is taken for foreign."""
    columns = run_columns(width)
    return line(columns, [_cell(column, run_line, now) for column in columns], width)


def _cell(column: Column, run_line: RunLine, now: float) -> str | Content:
    match column.title:
        case "state":
            return Content.styled("… reading", "$faint") if run_line.state == READING else state_content(run_line.state)
        case "name":
            return run_line.run.name
        case "model":
            return run_line.model
        case "data":
            return run_line.data
        case "step":
            return _step(run_line)
        case "loss":
            return number_text(run_line.loss)
        case "tokens/s":
            return count_text(run_line.tokens_per_second) if run_line.tokens_per_second else "–"
        case "ETA":
            return duration_text(run_line.eta_seconds) if run_line.live else ""
        case "age":
            return age_text(run_line.created_at, now) if run_line.created_at else ""
        case _:
            return Content.styled(spark(run_line.losses, column.width), "$faint")


def _step(run_line: RunLine) -> str:
    if run_line.place:
        return f"place {run_line.place}/{run_line.waiting}"
    step, total = run_line.step, run_line.total_steps
    if total:
        whole = f"{step or 0:,}/{total:,}"
        return whole if len(whole) <= _STEP.width else f"{count_text(step or 0)}/{count_text(total)}"
    return "–" if step is None else f"{step:,}"
