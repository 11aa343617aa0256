"""What the keys of the workbench do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuitune.recipe.settings import setting, show_value
from tuitune.text import clean
from tuitune.tui.widgets.ask import Ask
from tuitune.tui.widgets.dialogs import Confirm
from tuitune.tui.workbench.cleaning_view import CleaningView
from tuitune.tui.workbench.mapping import MappingDialog
from tuitune.tui.workbench.problems_view import ProblemsView
from tuitune.tui.workbench.row_keys import RowKeys
from tuitune.tui.workbench.rows_view import RowsView
from tuitune.views.draft import value_of
from tuitune.views.typed_path import is_there, typed_path

_UNUSABLE, _LEFT_OUT = "cleaning.unusable", "data.exclude"


class WorkbenchKeys(RowKeys):
    """The actions of `WorkbenchScreen`, which holds what is known and draws it."""

    if TYPE_CHECKING:

        def changed(self) -> None: ...

    def why_disabled(self, name: str) -> str | None:
        """Why an action has nothing to do now."""
        view, bench = self.view, self.bench
        if name == "undo" and not self.draft.can_undo:
            return "Nothing to undo"
        if name == "redo" and not self.draft.can_redo:
            return "Nothing to redo"
        if name == "leave_out":
            return self._why_not_leave_out()
        if name in ("filter", "kind", "export") and not isinstance(view, ProblemsView):
            return "Works on the list of problems: press 2"
        if name in ("switch", "more", "less") and not isinstance(view, CleaningView):
            return "Works on the cleaning steps: press 3"
        if name in ("page_next", "page_previous") and not isinstance(view, RowsView | ProblemsView):
            return "This view has no pages"
        if name == "mapping" and not bench.opening:
            return "No rows to map"
        if name == "source" and len(bench.sources) < 2:
            return "The recipe has no other data"
        if name == "mask" and self.row_to_look_at() is None:
            return "Put the cursor on a row"
        return None

    def _why_not_leave_out(self) -> str | None:
        if self.view.current_fix is not None:
            return None
        target = self.view.current_target
        if target is None or not target.mark:
            return "Put the cursor on a row to drop it"
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

    # The draft

    def set_values(self, values: Mapping[str, Any], say: str = "") -> None:
        """Make a step of the draft, and say what it was; nothing where it changes nothing."""
        before = self.draft.version
        try:
            self.draft.set_values(values)
        except ValueError as error:
            self.notify(str(error), title="Refused", severity="warning")
            return
        if self.draft.version is not before:
            self.changed()
            self.notify(f"{say or self._as_it_is(values)}; u undoes it")

    def _as_it_is(self, keys: Iterable[str]) -> str:
        """Settings with their values now: `data.max_length is now 1024`; of rows left out, how many."""
        return ", ".join(_is_now(key, value_of(self.draft.recipe, key)) for key in keys)

    def action_undo(self) -> None:
        self._after_move(self.draft.undo())

    def action_redo(self) -> None:
        self._after_move(self.draft.redo())

    def _after_move(self, keys: list[str] | None) -> None:
        self.changed()
        if keys:
            self.notify(self._as_it_is(keys))

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
        say = "unusable rows refuse the data set again" if drops else "unusable rows are dropped"
        self.set_values({_UNUSABLE: "refuse" if drops else "drop"}, say)

    def action_mapping(self) -> None:
        bench = self.bench
        found = bench.detection
        if found is not None:
            self.app.push_screen(MappingDialog(bench.data, bench.opening, found, bench.purpose), self._map)

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
            Ask("Export the problems", "One JSON object per line, to this file:", suggested), self._export
        )

    def _export(self, name: str | None) -> None:
        if name is None:
            return
        path = typed_path(name, self.base)
        if is_there(path):
            question = Confirm("Export the problems", f"{path}\nexists. Overwrite it?")
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


def _is_now(key: str, value: Any) -> str:
    if key == _LEFT_OUT:
        return f"{len(value):,} row{'' if len(value) == 1 else 's'} dropped by hand"
    return f"{key} is now {clean(show_value(setting(key), value) or 'none', limit=80)}"
