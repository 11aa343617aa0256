"""What the keys of the workbench do with rows: going to one, and looking at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tuitune.data.sources.rows import name_of
from tuitune.recipe.schema import Recipe
from tuitune.tui.saving import SavesRecipe
from tuitune.tui.widgets.ask import Ask
from tuitune.tui.widgets.dialogs import Choice, Choose
from tuitune.tui.workbench.bench import Bench
from tuitune.tui.workbench.cleaning_view import CleaningView
from tuitune.tui.workbench.examples import Examples
from tuitune.tui.workbench.problems_view import ProblemsView
from tuitune.tui.workbench.rows_view import RowsView
from tuitune.tui.workbench.tokens_view import TokensView
from tuitune.tui.workbench.view import View
from tuitune.views.data_page import PAGE_ROWS
from tuitune.views.inspector_client import Inspector


class RowKeys(SavesRecipe):
    """Those of `WorkbenchScreen`, which holds what is known and draws it."""

    bench: Bench
    view: View
    views: tuple[View, ...]
    inspector: Inspector

    if TYPE_CHECKING:

        def redraw(self, *, cursor: str | None = None) -> None: ...
        def show_view(self, view: View) -> None: ...
        def read(self, number: int = 1) -> None: ...
        def open_source(self, source: str) -> None: ...

    @property
    def rows_view(self) -> RowsView:
        view = self.views[0]
        assert isinstance(view, RowsView)
        return view

    def go_to(self, number: int) -> None:
        """Show a row of the data."""
        self.show_view(self.rows_view)
        if not self.rows_view.list.move_to(str(number)):
            self.read(number)

    def action_look(self) -> None:
        """Whatever opening means for what is under the cursor."""
        view = self.view
        target = view.current_target
        if isinstance(view, RowsView | TokensView):
            if target is not None:
                self.action_mask()
        elif isinstance(view, CleaningView):
            self._show_examples(view)
        elif target is not None:
            self.go_to(target.number)

    def _show_examples(self, view: CleaningView) -> None:
        step = view.step_of(view.list.current or "")
        if step is None or not step["examples"]:
            self.notify("This step found nothing to show")
        else:
            self.app.push_screen(Examples(step), lambda number: self.go_to(number) if number is not None else None)

    def action_mask(self) -> None:
        from tuitune.tui.mask.screen import MaskInspector

        number = self.row_to_look_at()
        if number is not None:
            tokens = self.views[3]
            odd = tokens.odd if isinstance(tokens, TokensView) and self.bench.is_training_data else ()
            recipe, source = self.draft.recipe, self.bench.source
            self.app.push_screen(MaskInspector(recipe, self.base, source, number, self.inspector, odd, self._apply))

    def row_to_look_at(self) -> int | None:
        """The number of the row under the cursor; on the tokens view, of the first odd row where it is on none."""
        if (target := self.view.current_target) is not None:
            return target.number
        if isinstance(self.view, TokensView) and self.view.odd:
            return int(self.view.odd[0]["row"])
        target = self.rows_view.current_target
        return target.number if target is not None else None

    def _apply(self, values: Mapping[str, Any]) -> Recipe:
        self.draft.set_values(values)
        return self.draft.recipe

    def action_go_to(self) -> None:
        self.app.push_screen(Ask("Go to row", "Row number:"), self._go_to_typed)

    def _go_to_typed(self, text: str | None) -> None:
        if text is None:
            return
        digits = text.replace(",", "")
        if digits.isascii() and digits.isdigit() and int(digits[:15]) > 0:
            self.go_to(int(digits[:15]))
        else:
            self.notify(f"{text} is not a row number", severity="warning")

    def action_page_next(self) -> None:
        page = self.bench.page
        if isinstance(self.view, ProblemsView):
            self.view.turn(1)
        elif page is not None and not page.complete:
            self.read(page.first + PAGE_ROWS)
        else:
            self.notify("These are the last rows")

    def action_page_previous(self) -> None:
        page = self.bench.page
        if isinstance(self.view, ProblemsView):
            self.view.turn(-1)
        elif page is not None and page.first > 1:
            self.read(page.first - 1)
        else:
            self.notify("These are the first rows")

    def action_next_problem(self) -> None:
        self._to_problem(1)

    def action_previous_problem(self) -> None:
        self._to_problem(-1)

    def _to_problem(self, by: int) -> None:
        """The next row with a problem: on this page, else by what the scan found."""
        here = self.rows_view.current_target
        start = here.number if here is not None else 0
        scanned = [problem["row"] for problem in (self.bench.scan or {}).get("problems", ())]
        beyond = [number for number in scanned if (number - start) * by > 0]
        number = self.rows_view.problem_from(start, by) or min(beyond, key=lambda one: abs(one - start), default=None)
        if number is not None:
            self.go_to(number)
        else:
            self.notify("No problem here" if self.bench.scan is None else "No more problems; 2 lists them all")

    def action_original(self) -> None:
        self.rows_view.original = not self.rows_view.original
        self.redraw()

    def action_scroll_down(self) -> None:
        self.view.scroll_detail(3)

    def action_scroll_up(self) -> None:
        self.view.scroll_detail(-3)

    def action_source(self) -> None:
        bench = self.bench
        roles = {bench.recipe.data.train: "training", bench.recipe.data.eval: "held out"}
        options = [Choice(name, name_of(name), roles.get(name, "mixed in")) for name in bench.sources]
        self.app.push_screen(
            Choose("Look at", options, bench.source), lambda name: self.open_source(name) if name else None
        )
