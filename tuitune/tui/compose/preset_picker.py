"""The presets: what each sets, and what of that differs from the recipe as it is."""

from __future__ import annotations

from textual import on
from textual.content import Content

from tuitune.recipe.presets import PRESETS, Preset
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting, show_value
from tuitune.tui.compose.picker import Picker
from tuitune.tui.widgets.columns import Column, table_row
from tuitune.tui.widgets.row_list import ListRow, RowList
from tuitune.units import counted
from tuitune.views.draft import value_of

_COLUMNS = (Column("preset", 16), Column("what", 0), Column("changes", 10, right=True))


class PresetPicker(Picker[str]):
    """Gives the name of a preset."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__("Preset", "filter")
        self._recipe = recipe

    def narrow(self, text: str) -> None:
        words = text.lower().split()
        found = [one for one in PRESETS.values() if all(word in f"{one.title} {one.help}".lower() for word in words)]
        self.list.set_rows([self._row(preset) for preset in found], cursor="")
        if not found:
            self.show_facts(Content.styled("No matching preset.", "$faint"))

    def choose(self, key: str) -> None:
        self.dismiss(key)

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        preset = PRESETS[event.key]
        differ = self._differing(preset)
        parts = [
            Content.assemble(
                ("• ", "$accent") if key in differ else "  ",
                f"{key.split('.')[1]} ",
                (show_value(setting(key), value), "bold"),
            )
            for key, value in preset.values.items()
        ]
        self.show_facts(Content("\n").join([Content(preset.help), Content("  ").join(parts)]))

    def _row(self, preset: Preset) -> ListRow:
        count = len(self._differing(preset))
        changes = Content(counted(count, "change") if count else "no changes")
        return table_row(preset.name, _COLUMNS, [preset.title, preset.help, changes])

    def _differing(self, preset: Preset) -> list[str]:
        return [key for key, value in preset.values.items() if value_of(self._recipe, key) != value]
