"""The five views of the workbench, one of them in front."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container

from tuitune.tui.workbench.advice_view import AdviceView
from tuitune.tui.workbench.bench import Bench
from tuitune.tui.workbench.cleaning_view import CleaningView
from tuitune.tui.workbench.problems_view import ProblemsView
from tuitune.tui.workbench.rows_view import RowsView
from tuitune.tui.workbench.tokens_view import TokensView
from tuitune.tui.workbench.view import View


class Views(Container):
    """All of them are there from the beginning; `front` is the one that is seen."""

    DEFAULT_CSS = "Views { height: 1fr; }"

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.rows = RowsView(bench)
        self.problems = ProblemsView(bench)
        self.cleaning = CleaningView(bench)
        self.tokens = TokensView(bench)
        self.advice = AdviceView(bench)
        self.in_order: tuple[View, ...] = (self.rows, self.problems, self.cleaning, self.tokens, self.advice)
        self.front: View = self.rows

    def compose(self) -> ComposeResult:
        for view in self.in_order:
            view.display = view is self.front
            yield view

    def bring(self, view: View) -> None:
        """Have `view` in front."""
        self.front.display, view.display = False, True
        self.front = view
