"""What the keys of the workbench do with rows: going to one, and looking at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tuitune.recipe.schema import Recipe
from tuitune.tui.base import Handler, TuituneScreen
from tuitune.tui.widgets.ask import AskLine
from tuitune.tui.workbench.bench import Bench
from tuitune.tui.workbench.cleaning_view import CleaningView
from tuitune.tui.workbench.examples import Examples
from tuitune.tui.workbench.views import Views
from tuitune.views.inspector_client import Inspector


class RowKeys(Handler):
    """`go_to` shows a row by its number; `inspector` is what the mask inspector asks."""

    def __init__(
        self,
        screen: TuituneScreen,
        bench: Bench,
        views: Views,
        inspector: Inspector,
        go_to: Callable[[int], None],
    ) -> None:
        super().__init__(screen)
        self._bench = bench
        self._views = views
        self._inspector = inspector
        self._go_to = go_to

    def why_disabled(self, name: str) -> str | None:
        return "Put the cursor on a row" if name == "mask" and self._row_to_look_at() is None else None

    def action_look(self) -> None:
        """Whatever opening means for what is under the cursor."""
        view = self._views.front
        target = view.current_target
        if view in (self._views.rows, self._views.tokens):
            if target is not None:
                self.action_mask()
        elif view is self._views.cleaning:
            self._show_examples(self._views.cleaning)
        elif target is not None:
            self._go_to(target.number)

    def _show_examples(self, view: CleaningView) -> None:
        step = view.step_of(view.list.current or "")
        if step is None or not step["examples"]:
            self.screen.notify("This step found nothing to show")
        else:
            self.screen.app.push_screen(
                Examples(step), lambda number: self._go_to(number) if number is not None else None
            )

    def action_mask(self) -> None:
        from tuitune.tui.mask.screen import MaskInspector

        number = self._row_to_look_at()
        if number is not None:
            bench = self._bench
            odd = self._views.tokens.odd if bench.is_training_data else ()
            self.screen.app.push_screen(
                MaskInspector(bench.recipe, bench.base, bench.source, number, self._inspector, odd, self._apply)
            )

    def _row_to_look_at(self) -> int | None:
        """The number of the row under the cursor; on the tokens view, of the first odd row where it is on none."""
        if (target := self._views.front.current_target) is not None:
            return target.number
        tokens = self._views.tokens
        if self._views.front is tokens and tokens.odd:
            return int(tokens.odd[0]["row"])
        target = self._views.rows.current_target
        return target.number if target is not None else None

    def _apply(self, values: Mapping[str, Any]) -> Recipe:
        self._bench.draft.set_values(values)
        return self._bench.draft.recipe

    def action_go_to(self) -> None:
        self.screen.app.push_screen(AskLine("Go to row", "Row number:"), self._typed)

    def _typed(self, text: str | None) -> None:
        if text is None:
            return
        digits = text.replace(",", "")
        if digits.isascii() and digits.isdigit() and int(digits[:15]) > 0:
            self._go_to(int(digits[:15]))
        else:
            self.screen.notify(f"{text} is not a row number", severity="warning")

    def action_next_problem(self) -> None:
        self._to_problem(1)

    def action_previous_problem(self) -> None:
        self._to_problem(-1)

    def _to_problem(self, by: int) -> None:
        """The next row with a problem: on this page, else by what the scan found."""
        here = self._views.rows.current_target
        start = here.number if here is not None else 0
        scanned = [problem["row"] for problem in (self._bench.scan or {}).get("problems", ())]
        beyond = [number for number in scanned if (number - start) * by > 0]
        number = self._views.rows.problem_from(start, by) or min(beyond, key=lambda one: abs(one - start), default=None)
        if number is not None:
            self._go_to(number)
        else:
            self.screen.notify("No problem here" if self._bench.scan is None else "No more problems; 2 lists them all")
