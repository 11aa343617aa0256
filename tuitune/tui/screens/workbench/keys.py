"""What the keys of the workbench do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, show_value
from tuitune.tui.data_page import PAGE_ROWS
from tuitune.tui.inspector_client import Inspector
from tuitune.tui.screens.saving import SavesRecipe
from tuitune.tui.screens.workbench.bench import Bench
from tuitune.tui.screens.workbench.cleaning_view import CleaningView
from tuitune.tui.screens.workbench.examples import Examples
from tuitune.tui.screens.workbench.mapping import MappingDialog
from tuitune.tui.screens.workbench.problems_view import ProblemsView
from tuitune.tui.screens.workbench.rows_view import RowsView
from tuitune.tui.screens.workbench.tokens_view import TokensView
from tuitune.tui.screens.workbench.view import View
from tuitune.tui.widgets.ask import Ask
from tuitune.tui.widgets.dialogs import Choice, Choose, Confirm

UNUSABLE = "cleaning.unusable"


class WorkbenchKeys(SavesRecipe):
    """The actions of `WorkbenchScreen`, which holds what is known and draws it."""

    bench: Bench
    view: View
    views: tuple[View, ...]
    inspector: Inspector

    if TYPE_CHECKING:

        def redraw(self, *, cursor: str | None = None) -> None: ...
        def show_view(self, view: View) -> None: ...
        def changed(self) -> None: ...
        def read(self, number: int = 1) -> None: ...
        def open_source(self, source: str) -> None: ...

    def why_disabled(self, name: str) -> str | None:
        """Why an action has nothing to do now."""
        view, bench = self.view, self.bench
        if name == "undo" and not self.draft.can_undo:
            return "Nothing has been changed yet"
        if name == "redo" and not self.draft.can_redo:
            return "Nothing was taken back"
        if name == "leave_out":
            return self._why_not_leave_out()
        if name in ("leave_out_all", "filter", "kind", "export") and not isinstance(view, ProblemsView):
            return "This is for the list of problems: 2"
        if name in ("switch", "more", "less") and not isinstance(view, CleaningView):
            return "This is for the cleaning steps: 3"
        if name in ("page_next", "page_previous") and not isinstance(view, RowsView | ProblemsView):
            return "This view has no pages"
        if name == "mapping" and not bench.opening:
            return "There are no rows to map"
        if name == "source" and len(bench.sources) < 2:
            return "The recipe names no other data"
        if name == "mask" and self._row_to_look_at() is None:
            return "Put the cursor on a row"
        return None

    def _why_not_leave_out(self) -> str | None:
        if self.view.current_fix is not None:
            return None
        target = self.view.current_target
        if target is None or not target.mark:
            return "Put the cursor on a row to leave it out"
        return "Held-out rows are not trained on anyway" if self.bench.is_held_out else None

    # Views

    def action_view_1(self) -> None:
        self.show_view(self.views[0])

    def action_view_2(self) -> None:
        self.show_view(self.views[1])

    def action_view_3(self) -> None:
        self.show_view(self.views[2])

    def action_view_4(self) -> None:
        self.show_view(self.views[3])

    def action_view_5(self) -> None:
        self.show_view(self.views[4])

    def action_next_view(self) -> None:
        self._turn_view(1)

    def action_previous_view(self) -> None:
        self._turn_view(-1)

    def _turn_view(self, by: int) -> None:
        self.show_view(self.views[(self.views.index(self.view) + by) % len(self.views)])

    def leave(self) -> bool:
        return isinstance(self.view, ProblemsView) and self.view.close_filter()

    # Rows

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
            self.notify("This step has found nothing to show")
        else:
            self.app.push_screen(Examples(step), lambda number: self.go_to(number) if number is not None else None)

    def action_mask(self) -> None:
        from tuitune.tui.screens.workbench.mask import MaskInspector

        number = self._row_to_look_at()
        if number is not None:
            tokens = self.views[3]
            odd = tokens.odd if isinstance(tokens, TokensView) and self.bench.is_training_data else ()
            recipe, source = self.draft.recipe, self.bench.source
            self.app.push_screen(MaskInspector(recipe, self.base, source, number, self.inspector, odd, self._apply))

    def _row_to_look_at(self) -> int | None:
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
        self.app.push_screen(Ask("Go to row", "The number of a row:"), self._go_to_typed)

    def _go_to_typed(self, text: str | None) -> None:
        if text is None:
            return
        digits = text.replace(",", "")
        if digits.isascii() and digits.isdigit() and int(digits[:15]) > 0:
            self.go_to(int(digits[:15]))
        else:
            self.notify(f"{text} is not the number of a row", severity="warning")

    def action_page_next(self) -> None:
        page = self.bench.page
        if isinstance(self.view, ProblemsView):
            self.view.turn(1)
        elif page is not None and not page.complete:
            self.read(page.first + PAGE_ROWS)
        else:
            self.notify("There are no rows after these")

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
            self.notify("No problem here" if self.bench.scan is None else "No further problem; 2 lists all of them")

    def action_original(self) -> None:
        self.rows_view.original = not self.rows_view.original
        self.redraw()

    def action_scroll_down(self) -> None:
        self.view.scroll_detail(3)

    def action_scroll_up(self) -> None:
        self.view.scroll_detail(-3)

    def action_source(self) -> None:
        bench = self.bench
        roles = {bench.recipe.data.train: "trained on", bench.recipe.data.eval: "held out"}
        options = [Choice(name, name, roles.get(name, "mixed in")) for name in bench.sources]
        self.app.push_screen(
            Choose("Look at", options, bench.source), lambda name: self.open_source(name) if name else None
        )

    # The draft

    def set_values(self, values: Mapping[str, Any], say: str = "") -> None:
        """Make a step of the draft, and say what it was."""
        self.draft.set_values(values)
        self.changed()
        said = ", ".join(f"{key} is now {show_value(setting(key), value) or 'none'}" for key, value in values.items())
        self.notify(f"{say or said}; u takes it back")

    def action_undo(self) -> None:
        self.draft.undo()
        self.changed()

    def action_redo(self) -> None:
        self.draft.redo()
        self.changed()

    def action_leave_out(self) -> None:
        """Apply the fix under the cursor; else leave the row out of training, or take it back."""
        if (fix := self.view.current_fix) is not None:
            self.set_values(fix)
            return
        target = self.view.current_target
        if target is not None:
            self.draft.set_values(self.bench.leaving_out(target.mark))
            self.changed()
            if isinstance(self.view, ProblemsView):
                self.view.list.action_move(1)

    def action_leave_out_all(self) -> None:
        drops = self.draft.recipe.cleaning.unusable == "drop"
        say = "rows that cannot be used refuse the data again" if drops else "rows that cannot be used are dropped"
        self.set_values({UNUSABLE: "refuse" if drops else "drop"}, say)

    def action_mapping(self) -> None:
        bench = self.bench
        found = bench.detection
        if found is not None:
            self.app.push_screen(MappingDialog(bench.data, bench.opening, found), self._map)

    def _map(self, values: dict[str, Any] | None) -> None:
        if values:
            self.set_values(values)

    # Problems

    @property
    def _problems(self) -> ProblemsView:
        view = self.views[1]
        assert isinstance(view, ProblemsView)
        return view

    def action_filter(self) -> None:
        self._problems.open_filter()

    def action_kind(self) -> None:
        self._problems.next_kind()

    def action_export(self) -> None:
        suggested = f"{Path(self.bench.source.rstrip('/')).name.split('.')[0] or 'data'}-problems.jsonl"
        self.app.push_screen(
            Ask("Export the problems", "Write them, one JSON object a line, to:", suggested), self._export
        )

    def _export(self, name: str | None) -> None:
        if name is None:
            return
        path = self.base / Path(name).expanduser()
        if path.exists():
            question = Confirm("Export the problems", f"{path}\nexists. Write over it?")
            self.app.push_screen(question, lambda yes: self._write_problems(path) if yes else None)
        else:
            self._write_problems(path)

    def _write_problems(self, path: Path) -> None:
        self._problems.export(path)

    # Cleaning

    @property
    def _cleaning(self) -> CleaningView:
        view = self.views[2]
        assert isinstance(view, CleaningView)
        return view

    def action_switch(self) -> None:
        self._clean(self._cleaning.switched(self._cleaning.list.current or ""))

    def action_more(self) -> None:
        self._clean(self._cleaning.stepped(self._cleaning.list.current or "", 1))

    def action_less(self) -> None:
        self._clean(self._cleaning.stepped(self._cleaning.list.current or "", -1))

    def _clean(self, values: dict[str, Any] | None) -> None:
        if values:
            self.draft.set_values(values)
            self.changed()
