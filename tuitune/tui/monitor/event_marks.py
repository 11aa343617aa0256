"""What happened to a run, as marks on its charts; the letters are those of the keys that make it happen."""

from __future__ import annotations

from bisect import bisect_left

from tuitune.runs.read.summary import RunView
from tuitune.tui.charts.frame import ALARM, EVENT
from tuitune.tui.charts.marks import Mark
from tuitune.tui.charts.series import Positions

MOST = 200
"""How many marks are drawn, the newest ones."""

LETTERS = {
    "tuned": ("T", "tune"),
    "resumed": ("r", "resume"),
    "pause": ("P", "pause"),
    "stop": ("S", "stop"),
    "kill": ("K", "kill"),
    "retry": ("R", "retry"),
    "alert": ("!", "alert"),
    "checkpoint": ("C", ""),
    "evaluate": ("E", ""),
    "sample": ("G", ""),
}
"""Kind of mark → letter, and the word where there is room for it."""

_MINOR = frozenset({"checkpoint", "evaluate", "sample"})
_ALARMING = frozenset({"retry", "alert", "kill"})


def event_marks(view: RunView, positions: Positions, axis: str) -> list[Mark]:
    """The marks of a run on an axis along which its steps stand at `positions`."""
    marks = []
    for mark in view.marks[-MOST:]:
        if mark.kind in LETTERS:
            letter, word = LETTERS[mark.kind]
            ink = ALARM if mark.kind in _ALARMING else EVENT
            marks.append(Mark(_place(mark.step, positions, axis), ink, letter, word, mark.kind in _MINOR))
    return marks


def _place(step: float, positions: Positions, axis: str) -> float:
    """Where a step stands on an axis; one after the newest record, at the newest."""
    steps = positions.by("step")
    if axis == "step" or not steps:
        return step
    return positions.by(axis)[min(bisect_left(steps, step), len(steps) - 1)]
