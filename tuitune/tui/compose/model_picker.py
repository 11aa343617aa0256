"""The model picker: what is on this machine, or a path or Hub id typed in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from pathlib import Path

from textual import on, work
from textual.content import Content
from textual.timer import Timer

from tuitune.hardware.models import ModelEntry, find_models, holds_model, look_at, looks_like_hub_id, missing_parts
from tuitune.hub import offline
from tuitune.planning.checks.remote import known
from tuitune.recipe.sections.model import ModelSection
from tuitune.text import clean
from tuitune.tui.compose.picker import PathPicker
from tuitune.tui.widgets.columns import Column, table_row, titles
from tuitune.tui.widgets.row_list import ListRow, RowList, text_row
from tuitune.units import bytes_text, count_text
from tuitune.views.estimate import ask_hub
from tuitune.views.file_listing import Listing
from tuitune.views.typed_path import is_folder, is_there, typed_path

_COLUMNS = (
    Column("model", 0, path=True),
    Column("where", 9),
    Column("params", 7, right=True),
    Column("size", 8, right=True),
    Column("dtype", 8, rank=2),
    Column("licence", 12, rank=1),
)
_KINDS = {"bundled": "bundled", "local": "folder", "hub-cache": "Hub cache"}
_TYPED = "typed"
_REVISION = "main"
_PAUSE_SECONDS = 0.8
"""Typing that pauses this long may have come to its end: no half of an id is asked about."""


class ModelPicker(PathPicker[str]):
    """Gives the model id that a recipe uses."""

    FILES = False

    def __init__(self, current: str, base: Path) -> None:
        super().__init__("Model", "filter, a folder, or a Hub id such as meta-llama/Llama-3.2-1B-Instruct", base)
        self._current = current
        self._models: Sequence[ModelEntry] = ()
        self._folders: dict[str, Path] = {}
        self._scanned = False
        self._pause: Timer | None = None

    def on_mount(self) -> None:
        self._scan()

    @work(exit_on_error=False)
    async def _scan(self) -> None:
        self._models, self._scanned = await asyncio.to_thread(find_models), True
        self.narrow(self.line.value)

    def show(self, typed: str, listing: Listing) -> None:
        words = typed.lower().split()
        shown = [model for model in self._models if all(word in _haystack(model) for word in words)]
        self._folders = self._typed_folders(typed, listing, {model.path for model in shown})
        rows = [*map(_model_row, shown)]
        rows += [table_row(name, _COLUMNS, [name, "folder", "", "", "", ""]) for name in self._folders]
        listed = any(model.id == typed for model in shown)
        if looks_like_hub_id(typed) and not is_there(typed_path(typed, self.base)) and not listed:
            name = Content.styled(clean(typed, limit=200), "bold")
            offer = Content.assemble("use ", name, " (Hub id: downloaded when the run starts)")
            rows.append(text_row(_TYPED, offer, selectable=True))
        self.show_heading(titles(_COLUMNS, max(1, self.list.size.width - 2)) if shown else Content(""))
        self.list.set_rows(rows, cursor=self._current if self.list.current is None and not typed else None)
        if rows:
            self._explain(self.list.current)
        else:
            self.show_facts(self._nothing(typed, listing))

    def _typed_folders(self, typed: str, listing: Listing, listed: Set[Path]) -> dict[str, Path]:
        """The folders that a typed text may mean, as they would be typed: itself where a model is in it, and others."""
        itself = typed_path(typed, self.base)
        found = {typed: itself} if typed.endswith("/") and holds_model(itself) else {}
        found |= {entry.name: entry.path for entry in listing.entries} if typed else {}
        return {name: path for name, path in found.items() if path not in listed}

    def _nothing(self, typed: str, listing: Listing) -> Content:
        if not self._scanned:
            return Content.styled("Looking for models …", "$faint")
        if not typed.startswith(("/", ".", "~")) and "/" not in typed:
            return Content.styled("No matching model. Type a folder or owner/name.", "$faint")
        there = is_folder(typed_path(typed, self.base))
        return Content.styled(clean(listing.problem) or ("no model in here" if there else "no such folder"), "$warn")

    def choose(self, key: str) -> None:
        if key == _TYPED:
            self.dismiss(self.line.value.strip())
        elif (folder := self._folders.get(key)) is None:
            self.dismiss(key)
        elif holds_model(folder):
            self.dismiss(key.rstrip("/"))
        else:
            self.type(key)

    def complete(self, key: str) -> None:
        if key != _TYPED:
            super().complete(key)

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        if event.key == self.list.current:
            self._explain(event.key)

    def on_resize(self) -> None:
        self.call_after_refresh(lambda: self.narrow(self.line.value))

    def _explain(self, key: str | None) -> None:
        if self._pause is not None:
            self._pause.stop()
        model = next((model for model in self._models if model.id == key), None)
        folder = self._folders.get(key or "") or (model.path if model and model.kind == "local" else None)
        if key is not None and folder is not None:
            self.tell(key, lambda: _folder_facts(key, folder))
        elif model is not None:
            self.show_facts(_facts(model))
        elif key == _TYPED:
            self.show_facts(self._told(self.line.value.strip()))

    def _told(self, name: str) -> Content:
        """What the Hub says about a model; it is asked once the typing pauses."""
        if forbids := offline():
            return Content.styled(f"{forbids} is set: the Hub is not asked", "$faint")
        if (told := known(name, _REVISION)) is None:
            asked = ModelSection(id=name, revision=_REVISION)
            self._pause = self.set_timer(_PAUSE_SECONDS, lambda: ask_hub(asked, self._was_told))
            return Content.styled("asking the Hub …", "$faint")
        if told.refused:
            return Content.styled(clean(told.refused), "$bad")
        facts = told.facts
        if facts is None:
            return Content.styled(clean(f"unknown: {told.unknown}"), "$faint")
        kind = clean(facts.model_type or "unknown architecture", limit=40)
        parts = (kind, f"{count_text(facts.parameters)} parameters", f"{bytes_text(told.download)} to download")
        return Content(" · ".join(parts))

    def _was_told(self) -> None:
        """The Hub has answered, or has not in a while. Called from another thread."""
        self.call_later(lambda: self._explain(self.list.current))


def _folder_facts(name: str, folder: Path) -> Content:
    if not holds_model(folder):
        return Content.styled("No model in this folder itself: Enter lists what is in it.", "$faint")
    missing = [Content.styled(f"✗ {clean(one, limit=300)}", "$bad") for one in missing_parts(folder)]
    return Content("\n").join([*missing, _facts(look_at(name, folder))])


def _haystack(model: ModelEntry) -> str:
    return f"{model.id} {_KINDS[model.kind]} {model.model_type or ''} {model.licence or ''}".lower()


def _model_row(model: ModelEntry) -> ListRow:
    cells = [
        model.id,
        _KINDS[model.kind],
        count_text(model.parameters),
        bytes_text(model.bytes),
        model.dtype or "n/a",
        model.licence or "not stated",
    ]
    return table_row(model.id, _COLUMNS, cells, "" if model.complete else "$faint")


def _facts(model: ModelEntry) -> Content:
    first = [
        model.model_type or "unknown architecture",
        f"{count_text(model.parameters)} parameters",
        bytes_text(model.bytes),
        model.dtype or "dtype unknown",
        {True: "has a chat template", False: "no chat template", None: "chat template unknown"}[model.chat_template],
    ]
    second = [f"licence {model.licence or 'not stated'}"]
    if model.revision:
        second.append(f"revision {model.revision[:12]}")
    lines = [
        Content(clean(" · ".join(first))),
        Content(clean(" · ".join(second))),
        Content.styled(clean(str(model.path)), "$faint"),
    ]
    if model.kind == "hub-cache" and not model.complete:
        lines.append(Content.styled("✗ files are missing: the rest is downloaded when the run starts", "$warn"))
    return Content("\n").join(lines)
