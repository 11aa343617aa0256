"""The data picker: bundled sets, files found by typing a path, a Hub id; for held-out data also a fraction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual import on
from textual.content import Content

from tuitune.data.purpose import refusal_of
from tuitune.data.sources.bundled import BundledSet, bundled_sets
from tuitune.hardware.models import looks_like_hub_id
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import parse_value, setting
from tuitune.text import clean
from tuitune.tui.compose.picker import PathPicker
from tuitune.tui.widgets.columns import Column, table_row
from tuitune.tui.widgets.row_list import ListRow, RowList
from tuitune.units import bytes_text, percent_text
from tuitune.views.data_page import read_page
from tuitune.views.file_listing import MOST, FileEntry, Listing
from tuitune.views.typed_path import is_there, typed_path

Values = dict[str, Any]

_COLUMNS = (Column("data", 0, path=True), Column("what", 30, rank=1), Column("size", 11, right=True))
_FRACTIONS = (0.05, 0.1, 0.2)


class DataPicker(PathPicker[Values]):
    """Gives the settings that the choice changes (key → value); `key` is `data.train` or `data.eval`."""

    def __init__(self, key: str, recipe: Recipe, base: Path) -> None:
        title = setting(key).title.capitalize()
        super().__init__(title, "a path (~/ and ../ too), a bundled set, or a Hub id owner/name", base)
        self._key = key
        self._recipe = recipe
        self._choices: dict[str, Values] = {}

    def show(self, typed: str, listing: Listing) -> None:
        self._choices = {}
        rows = [*self._fractions(typed), *self._sets(typed), *map(self._file, listing.entries), *self._hub(typed)]
        self.list.set_rows(rows, cursor=rows[0].key if rows else None)
        more = f"the first {MOST:,} entries: type more to narrow" if listing.more else ""
        self.show_heading(Content.styled(clean(listing.problem) or more, "$faint"))
        if not rows:
            kinds = "json, jsonl, csv, tsv, txt or parquet file"
            self.show_facts(Content.styled(f"No matching file. Type the path of a {kinds}, or owner/name.", "$faint"))

    def _row(self, name: str, what: str, size: str, values: Values | None) -> ListRow:
        if values is not None:
            self._choices[name] = values
        return table_row(name, _COLUMNS, [name, Content.styled(clean(what), "$faint"), size])

    def _fraction(self, name: str, share: float, digits: int = 2) -> ListRow:
        return self._row(name, f"{percent_text(share, digits)} of the training rows", "", {self._key: share})

    def _fractions(self, typed: str) -> list[ListRow]:
        if self._key != "data.eval":
            return []
        if not typed:
            rows = [self._fraction(f"{share:g}", share) for share in _FRACTIONS]
            return [*rows, self._row("none", "no evaluation", "", {self._key: None})]
        try:
            share = parse_value(setting(self._key), typed)
        except ValueError:
            return []
        return [self._fraction(typed, share, 3)] if isinstance(share, float) else []

    def _sets(self, typed: str) -> list[ListRow]:
        word = typed.lower()
        matching = [one for one in bundled_sets() if word in f"{one.id} {one.title}".lower()]
        found = sorted(matching, key=lambda one: word not in one.id)
        if self._key == "data.eval":
            names = {f"{one.id}/heldout": one.title for one in found}
            return [self._row(name, f"{title}, held-out rows", "", {self._key: name}) for name, title in names.items()]
        return [self._row(one.id, one.title, f"{one.rows:,} rows", self._bundled(one)) for one in found]

    def _file(self, entry: FileEntry) -> ListRow:
        if entry.is_folder:
            return self._row(entry.name, "folder", "", None)
        return self._row(entry.name, entry.path.suffix[1:], bytes_text(entry.bytes), self._training(entry.name))

    def _hub(self, typed: str) -> list[ListRow]:
        if not looks_like_hub_id(typed) or is_there(typed_path(typed, self.base)):
            return []
        return [self._row(typed, "Hub: downloaded when the run starts", "", self._training(typed))]

    def _bundled(self, one: BundledSet) -> Values:
        return {**self._training(one.id), "data.eval": f"{one.id}/heldout"}

    def _training(self, name: str) -> Values:
        """Other data takes nothing over from the old: its shape, its columns and a held-out file that went with it."""
        if self._key == "data.eval":
            return {self._key: name}
        values: Values = {"data.train": name, "data.shape": "auto", "data.columns": {}}
        if not isinstance(self._recipe.data.eval, float | None):
            values["data.eval"] = setting("data.eval").default
        return values

    def choose(self, key: str) -> None:
        if key in self._choices:
            self.dismiss(self._choices[key])
        else:
            self.type(key)

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        self.show_facts(Content(""))
        one = next((one for one in bundled_sets() if event.key == one.id), None)
        if one is not None:
            about = f"{one.help}\nIts held-out rows are used for evaluation."
            self.show_facts(Content(about))
            self.tell(event.key, lambda: Content("\n").join([Content(about), self._facts(one.id)]))
        elif any(entry.name == event.key and not entry.is_folder for entry in self.listing.entries):
            self.tell(event.key, lambda: self._facts(event.key))

    def _facts(self, name: str) -> Content:
        if name.endswith(".parquet"):
            return Content.styled("A parquet file: d on the form shows its rows.", "$faint")
        data = self._recipe.data.model_copy(update={"train": name, "shape": "auto", "columns": {}})
        try:
            page = read_page(data, base=self.base)
        except TuituneError as error:
            return Content.assemble(("✗ ", "$bad"), clean(str(error)))
        wrong = sum(row.problem is not None for row in page.rows)
        found = page.detection
        lines = [Content.assemble(("shape ", "$faint"), f"{found.shape}: ", clean(found.reason))]
        if why := refusal_of(found, self._recipe.optimises, None):
            lines.append(Content.assemble(("✗ ", "$bad"), clean(why)))
        if wrong:
            unusable = f"{wrong} of the first {len(page.rows)} rows are unusable: d on the form shows them"
            lines.append(Content.assemble(("⚠ ", "$warn"), unusable))
        return Content("\n").join(lines)
