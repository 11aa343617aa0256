"""The methods: those with settings of their own, the other tuners of PEFT, and why some do not go with the recipe."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.content import Content

from tuitune.methods import METHODS, Method
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, without_effect
from tuitune.recipe.support import fitting, idle, misfits, refused
from tuitune.tui.compose.picker import Picker
from tuitune.tui.widgets.columns import Column, table_row
from tuitune.tui.widgets.row_list import ListRow, RowList

_COLUMNS = (Column("method", 17), Column("what", 0))


class MethodPicker(Picker[dict[str, Any]]):
    """Gives the settings that choosing a method changes. One that does not fit the recipe stays, with its reason."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__("Method", "filter")
        self._recipe = recipe

    def narrow(self, text: str) -> None:
        words = text.lower().split()
        found = sorted((one for one in METHODS.values() if all(word in _searched(one) for word in words)), key=_later)
        if (named := METHODS.get(text.strip().lower())) is not None:
            found = [named, *(one for one in found if one is not named)]
        self.list.set_rows([self._row(method) for method in found], cursor="" if words else self._recipe.method.name)
        if not found:
            self.show_facts(Content.styled("No matching method.", "$faint"))

    def choose(self, name: str) -> None:
        """Use a method; one that does not go with the recipe stays in the list, and says what would let it go."""
        method = METHODS[name]
        if barred := misfits(self._recipe, method):
            key = next(iter(barred))
            said = f"{refused(key, self._recipe, method)}: {self._way_out(key, method)}."
            self.notify(said, severity="warning")
        else:
            options: dict[str, Any] = {} if method is self._recipe.method else {"adapter.options": {}}
            self.dismiss({"adapter.method": name, **options})

    def _way_out(self, key: str, method: Method) -> str:
        if values := fitting(key, method).replace('"', ""):
            return f"choose another method here, or Esc and set {setting(key).title} to {values}"
        return "choose another method"

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        method = METHODS[event.key]
        lines = [Content(f"{method.title} {method.does}.")]
        for key, why in misfits(self._recipe, method).items():
            lines.append(Content.styled(f"✗ {refused(key, self._recipe, method)}: {why}.", "$bad"))
            lines.append(Content.styled(f"  Way out: {self._way_out(key, method)}.", "$warn"))
        put_out = [f"{setting(key).title} has no effect with it." for key in self._put_out(method)]
        lines += [Content.styled(said, "$faint") for said in put_out]
        if method.is_tuner and not method.support.unavailable:
            lines.append(Content.styled("Memory is not forecast; the trainable parameters are counted.", "$faint"))
        self.show_facts(Content("\n").join(lines))

    def _put_out(self, method: Method) -> list[str]:
        """The settings that are on, and would have no effect with a method."""
        on = [key for key in idle(method) if setting(key).of(self._recipe)]
        return [key for key in on if key not in without_effect(self._recipe)]

    def _row(self, method: Method) -> ListRow:
        barred = next(iter(misfits(self._recipe, method).values()), "")
        style = "$faint" if barred else ""
        said = f"✗ {barred}" if barred else method.does
        return table_row(method.name, _COLUMNS, [method.name, said], style)


def _later(method: Method) -> bool:
    """Those that cannot be chosen at all come last."""
    return bool(method.support.unavailable)


def _searched(method: Method) -> str:
    return f"{method.name} {method.title} {method.does}".lower()
