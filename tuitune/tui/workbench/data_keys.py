"""What the keys of the workbench change about the data: rows dropped, columns mapped, fixes applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tuitune.recipe.settings import setting, show_value
from tuitune.text import clean
from tuitune.tui.base import Handler, TuituneScreen
from tuitune.tui.workbench.bench import Bench
from tuitune.tui.workbench.mapping import MappingDialog
from tuitune.tui.workbench.views import Views
from tuitune.views.draft import value_of

_UNUSABLE, _LEFT_OUT = "cleaning.unusable", "data.exclude"


class DataKeys(Handler):
    """Each change is a step of the draft; `changed` is called after it."""

    def __init__(self, screen: TuituneScreen, bench: Bench, views: Views, changed: Callable[[], object]) -> None:
        super().__init__(screen)
        self._bench = bench
        self._views = views
        self._changed = changed

    def why_disabled(self, name: str) -> str | None:
        if name == "leave_out":
            return self._why_not_leave_out()
        if name == "mapping" and not self._bench.opening:
            return "No rows to map"
        return None

    def _why_not_leave_out(self) -> str | None:
        view = self._views.front
        if view.current_fix is not None:
            return None
        target = view.current_target
        if target is None or not target.mark:
            return "Put the cursor on a row to drop it"
        return "Held-out rows are not trained on anyway" if self._bench.is_held_out else None

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
        if (fix := view.current_fix) is not None:
            self._set_values(fix)
        elif (target := view.current_target) is not None:
            self._bench.draft.set_values(self._bench.leaving_out(target.mark))
            self._changed()
            if view is self._views.problems:
                view.list.action_move(1)

    def action_leave_out_all(self) -> None:
        drops = self._bench.drops_unusable
        say = "unusable rows refuse the data set again" if drops else "unusable rows are dropped"
        self._set_values({_UNUSABLE: "refuse" if drops else "drop"}, say)

    def action_mapping(self) -> None:
        bench = self._bench
        if bench.detection is not None:
            dialog = MappingDialog(bench.data, bench.opening, bench.detection, bench.objective)
            self.screen.app.push_screen(dialog, lambda values: self._set_values(values) if values else None)


def _is_now(key: str, value: Any) -> str:
    if key == _LEFT_OUT:
        return f"{len(value):,} row{'' if len(value) == 1 else 's'} dropped by hand"
    return f"{key} is now {clean(show_value(setting(key), value) or 'none', limit=80)}"
