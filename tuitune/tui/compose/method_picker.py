"""The methods: those with settings of their own, the other tuners of PEFT, and why some do not go with the recipe."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.content import Content

from tuitune.methods import METHODS, Method
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting
from tuitune.recipe.support import GIVES_WAY, misfits
from tuitune.tui.compose.picker import Picker
from tuitune.tui.widgets.columns import Column, table_row
from tuitune.tui.widgets.row_list import ListRow, RowList

_COLUMNS = (Column("method", 17), Column("what", 0))


class MethodPicker(Picker[dict[str, Any]]):
    """Gives the settings that choosing a method changes. One that cannot go with the recipe stays, with its reason."""

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

    def choose(self, key: str) -> None:
        """Use a method, with what gives way to it; one that cannot be used keeps its reason in sight."""
        method = METHODS[key]
        if not self._barred(method):
            changed = {name: GIVES_WAY[name] for name in misfits(self._recipe, method)}
            options: dict[str, Any] = {} if method is self._recipe.method else {"adapter.options": {}}
            self.dismiss({"adapter.method": key, **options, **changed})

    def _barred(self, method: Method) -> dict[str, str]:
        """What keeps a method from this recipe, by the setting."""
        return {key: why for key, why in misfits(self._recipe, method).items() if key not in GIVES_WAY}

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        method = METHODS[event.key]
        lines = [Content(f"{method.title} {method.does}.")]
        for key, why in misfits(self._recipe, method).items():
            if key in GIVES_WAY:
                lines.append(Content.styled(f"turns {setting(key).title} off: {why}", "$warn"))
            else:
                at = "" if key == "adapter.method" else f"not with {setting(key).title}: "
                lines.append(Content.styled(f"✗ {at}{why}", "$bad"))
        if method.is_tuner and not method.support.unavailable:
            lines.append(Content.styled("Memory is not forecast; the trainable parameters are counted.", "$faint"))
        self.show_facts(Content("\n").join(lines))

    def _row(self, method: Method) -> ListRow:
        barred = next(iter(self._barred(method).values()), "")
        style = "$faint" if barred else ""
        said = f"✗ {barred}" if barred else method.does
        return table_row(method.name, _COLUMNS, [method.name, said], style)


def _later(method: Method) -> bool:
    """Those that cannot be chosen at all come last."""
    return bool(method.support.unavailable)


def _searched(method: Method) -> str:
    return f"{method.name} {method.title} {method.does}".lower()
