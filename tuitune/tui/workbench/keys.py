"""What the keys of the workbench do: to rows, to the draft that reads and cleans them, and to the list of problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partialmethod
from pathlib import Path
from typing import Any

from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, show_value
from tuitune.text import clean
from tuitune.tui.base import Handler, TuituneScreen
from tuitune.tui.widgets.ask import AskLine, ask_where
from tuitune.tui.workbench.bench import Bench
from tuitune.tui.workbench.cleaning_view import CleaningView
from tuitune.tui.workbench.examples import Examples
from tuitune.tui.workbench.mapping import MappingDialog
from tuitune.tui.workbench.views import Views
from tuitune.units import counted
from tuitune.views.draft import value_of
from tuitune.views.inspector_client import Inspector


class WorkbenchKeys(Handler):
    """`go_to` shows a row by its number, and `changed` is called after each change, which is a step of the draft.

    `inspector` is what the mask inspector asks.
    """

    def __init__(
        self,
        screen: TuituneScreen,
        bench: Bench,
        views: Views,
        inspector: Inspector,
        *,
        go_to: Callable[[int], None],
        changed: Callable[[], object],
    ) -> None:
        super().__init__(screen)
        self._bench = bench
        self._views = views
        self._inspector = inspector
        self._go_to = go_to
        self._changed = changed

    def why_disabled(self, name: str) -> str | None:
        if name in ("switch", "more", "less") and not self._views.cleaning.display:
            return "Works on the cleaning steps: press 3"
        if name in ("filter", "kind", "export") and not self._views.problems.display:
            return "Works on the list of problems: press 2"
        if name == "mask" and self._row_to_look_at() is None:
            return "Put the cursor on a row"
        if name == "mapping" and not self._bench.opening:
            return "No rows to map"
        return self._why_not_leave_out() if name == "leave_out" else None

    def _why_not_leave_out(self) -> str | None:
        view = self._views.front
        if view.fix is not None:
            return None
        if view.target is None or not view.target.mark:
            return "Put the cursor on a row to drop it"
        return "Held-out rows are not trained on anyway" if self._bench.is_held_out else None

    # Rows

    def action_look(self) -> None:
        """Whatever opening means for what is under the cursor."""
        view = self._views.front
        if view in (self._views.rows, self._views.tokens):
            if view.target is not None:
                self.action_mask()
        elif view is self._views.cleaning:
            self._show_examples(self._views.cleaning)
        elif view.target is not None:
            self._go_to(view.target.number)

    def _show_examples(self, view: CleaningView) -> None:
        step = view.step_of(view.current)
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
        front, tokens = self._views.front, self._views.tokens
        if front.target is None and front is tokens and tokens.odd:
            return int(tokens.odd[0]["row"])
        target = front.target or self._views.rows.target
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

    def _to_problem(self, by: int) -> None:
        """The next row with a problem: on this page, else by what the scan found."""
        here = self._views.rows.target
        start = here.number if here is not None else 0
        scanned = [problem["row"] for problem in (self._bench.scan or {}).get("problems", ())]
        beyond = [number for number in scanned if (number - start) * by > 0]
        number = self._views.rows.problem_from(start, by) or min(beyond, key=lambda one: abs(one - start), default=None)
        if number is not None:
            self._go_to(number)
        else:
            self.screen.notify("No problem here" if self._bench.scan is None else "No more problems; 2 lists them all")

    action_next_problem = partialmethod(_to_problem, 1)
    action_previous_problem = partialmethod(_to_problem, -1)

    # Changes

    def _set_values(self, values: Mapping[str, Any], say: str = "") -> None:
        """Make a step of the draft, and say what it was; nothing where it changes nothing."""
        draft = self._bench.draft
        before = draft.version
        try:
            draft.set_values(values)
        except ValueError as error:
            self.screen.notify(str(error), title="Refused", severity="warning")
            return
        if draft.version is not before:
            self._changed()
            self.screen.notify(f"{say or self._as_it_is(values)}; u undoes it")

    def _as_it_is(self, keys: Iterable[str]) -> str:
        """Settings with their values now: `data.max_length is now 1024`; of rows left out, how many."""
        return ", ".join(_is_now(key, value_of(self._bench.recipe, key)) for key in keys)

    def moved(self, keys: list[str] | None) -> None:
        """A step was taken back or made again, which changed `keys`."""
        self._changed()
        if keys:
            self.screen.notify(self._as_it_is(keys))

    def action_leave_out(self) -> None:
        """Apply the fix under the cursor; else leave the row out of training, or take it back."""
        view = self._views.front
        if view.fix is not None:
            self._set_values(view.fix)
        elif view.target is not None:
            self._bench.draft.set_values(self._bench.leaving_out(view.target.mark))
            self._changed()
            if view is self._views.problems:
                view.list.action_move(1)

    def action_leave_out_all(self) -> None:
        drops = self._bench.drops_unusable
        say = "unusable rows refuse the data set again" if drops else "unusable rows are dropped"
        self._set_values({"cleaning.unusable": "refuse" if drops else "drop"}, say)

    def action_mapping(self) -> None:
        bench = self._bench
        if bench.detection is not None:
            dialog = MappingDialog(bench.data, bench.opening, bench.detection, bench.objective)
            self.screen.app.push_screen(dialog, lambda values: self._set_values(values) if values else None)

    # The cleaning steps

    def _change(self, by: int) -> None:
        """Switch the step under the cursor (0), or make its number larger (1) or smaller (-1)."""
        view = self._views.cleaning
        if values := view.stepped(by) if by else view.switched():
            self._bench.draft.set_values(values)
            self._changed()

    action_switch = partialmethod(_change, 0)
    action_more = partialmethod(_change, 1)
    action_less = partialmethod(_change, -1)

    # The list of problems

    def action_filter(self) -> None:
        self._views.problems.open_filter()

    def action_kind(self) -> None:
        self._views.problems.next_kind()

    def action_export(self) -> None:
        name = Path(self._bench.source.rstrip("/")).name.split(".")[0] or "data"
        question, suggested = "One JSON object per line, to this file:", f"{name}-problems.jsonl"
        export = self._views.problems.export
        ask_where(self.screen.app, "Export the problems", question, suggested, self._bench.base, export)


def _is_now(key: str, value: Any) -> str:
    if key == "data.exclude":
        return f"{counted(len(value), 'row')} dropped by hand"
    return f"{key} is now {clean(show_value(setting(key), value) or 'none', limit=80)}"
