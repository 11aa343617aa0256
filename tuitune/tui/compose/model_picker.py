"""The model picker: what is on this machine, then the catalogue, or a path or Hub id typed in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from textual import on, work
from textual.content import Content
from textual.timer import Timer

from tuitune.hardware.gpus import Gpu
from tuitune.hardware.models import ModelEntry, holds_model, look_at, looks_like_hub_id, missing_parts
from tuitune.hub import offline
from tuitune.paths import config_home
from tuitune.planning.checks.remote import known
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.model import ModelSection
from tuitune.text import clean
from tuitune.tui.compose.picker import PathPicker
from tuitune.tui.widgets.columns import Column, table_row, titles
from tuitune.tui.widgets.row_list import ListRow, RowList, text_row
from tuitune.units import bytes_text, count_text
from tuitune.views.estimate import ask_hub
from tuitune.views.file_listing import Listing
from tuitune.views.model_list import KINDS, ListedModel, fit_words, list_models
from tuitune.views.typed_path import is_folder, is_there, typed_path

_COLUMNS = (
    Column("model", 0, path=True),
    Column("where", 9),
    Column("params", 7, right=True),
    Column("size", 8, right=True, rank=3),
    Column("context", 7, right=True, rank=1),
    Column("licence", 13, rank=2),
)
_ACCESS = {
    True: "gated: accept its terms on the Hub first",
    False: "open to everybody",
    None: "whether it is gated is not known",
}
_CATALOGUE = "catalogue"
_TYPED = "typed"
_PROBLEMS = 3
_REVISION = "main"
_PAUSE_SECONDS = 0.8
"""Typing that pauses this long may have come to its end: no half of an id is asked about."""


class ModelPicker(PathPicker[str]):
    """Gives the model id that a recipe uses."""

    FILES = False

    def __init__(self, recipe: Recipe, base: Path, gpu: Gpu | None = None) -> None:
        """`gpu` is the card that a run of the `recipe` would have, None where there is none to hold a model against."""
        super().__init__("Model", "filter, a folder, or a Hub id such as meta-llama/Llama-3.2-1B-Instruct", base)
        self._recipe = recipe
        self._gpu = gpu
        self._models: Sequence[ListedModel] = ()
        self._problems: Sequence[ListRow] = ()
        self._folders: dict[str, Path] = {}
        self._scanned = False
        self._pause: Timer | None = None

    def on_mount(self) -> None:
        self._scan()

    @work(exit_on_error=False)
    async def _scan(self) -> None:
        (self._models, problems), self._scanned = await asyncio.to_thread(list_models), True
        self._problems = [*_problem_rows(problems)]
        self.narrow(self.line.value)

    def show(self, typed: str, listing: Listing) -> None:
        words = typed.lower().split()
        shown = [model for model in self._models if all(word in _haystack(model) for word in words)]
        here, away = [one for one in shown if one.here], [one for one in shown if not one.here]
        self._folders = self._typed_folders(typed, listing, {one.here.path for one in here if one.here})
        rows = [*map(_model_row, here)]
        rows += [table_row(name, _COLUMNS, [name, "folder", *[""] * (len(_COLUMNS) - 2)]) for name in self._folders]
        if away:
            rows.append(text_row(_CATALOGUE, Content.styled("catalogue: downloaded when the run starts", "$faint")))
            rows += [*self._problems, *map(_model_row, away)]
        meant = next((model.id for model in shown if _is_meant(model.id, typed)), None)
        if looks_like_hub_id(typed) and not is_there(typed_path(typed, self.base)) and meant is None:
            name = Content.styled(clean(typed, limit=200), "bold")
            offer = Content.assemble("use ", name, " (Hub id: downloaded when the run starts)")
            rows.append(text_row(_TYPED, offer, selectable=True))
        self.show_heading(titles(_COLUMNS, max(1, self.list.size.width - 2)) if shown else Content(""))
        start = self._recipe.model.id if self.list.current is None and not typed else None
        gone = self.list.current not in {row.key for row in rows}
        self.list.set_rows(rows, cursor=meant or start or ("" if gone else None))
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
        here = model.here if model else None
        folder = self._folders.get(key or "") or (here.path if here and here.kind == "local" else None)
        if key is not None and folder is not None:
            self.tell(key, lambda: _folder_facts(key, folder))
        elif model is not None:
            self.show_facts(Content("\n").join([*(_facts(here) if here else ()), *self._known(model)]))
        elif key == _TYPED:
            self.show_facts(self._told(self.line.value.strip()))

    def _known(self, model: ListedModel) -> Iterator[Content]:
        """What the catalogue knows of a model, and what the recipe would need with it."""
        if model.known is not None and model.here is None:
            template = model.known.template or "unknown"
            parts = [model.known.family, model.known.stage, f"context {_context_text(model.context)}"]
            yield Content(clean(" · ".join([*parts, f"chat template {template}"])))
            yield Content(clean(f"licence {model.licence} · {_ACCESS[model.gated]}"))
        if model.here is None and (needs := self._needs(model)):
            yield Content(needs)
        for trap in model.traps:
            yield Content.styled(clean(f"⚠ {trap}"), "$warn")

    def _needs(self, model: ListedModel) -> str:
        try:
            expected = model.needs(self._recipe, self._gpu)
        except TuituneError as refusal:
            return clean(f"not with these settings: {refusal.problems[0]}", limit=200)
        words = [*fit_words(expected.total if expected else None, self._gpu)]
        if not words:
            return "memory unknown before the Hub has told its sizes"
        fit = f": {words[1]} ({bytes_text(self._gpu.memory_free)} free)" if self._gpu and len(words) > 1 else ""
        return f"needs about {words[0]} on a GPU with these settings{fit}"

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
    return Content("\n").join([*missing, *_facts(look_at(name, folder))])


def _is_meant(model_id: str, typed: str) -> bool:
    """Whether a text is a model's whole id, or its whole name without the owner, and not the beginning of another's."""
    return typed.casefold() in (model_id.casefold(), model_id.rpartition("/")[2].casefold())


def _haystack(model: ListedModel) -> str:
    words = (model.id, _where(model), model.model_type, model.licence)
    told = (model.known.family, model.known.stage) if model.known else ()
    return " ".join(filter(None, (*words, *told, "" if model.here else _CATALOGUE))).lower()


def _where(model: ListedModel) -> str:
    return f"{KINDS[model.kind]} gated" if model.gated and not model.here else KINDS[model.kind]


def _problem_rows(problems: Sequence[Problem]) -> Iterator[ListRow]:
    """What is wrong with the user's catalogue, a line each; `tuitune models` tells all of it."""
    for number, problem in enumerate(problems[:_PROBLEMS]):
        text = clean(f"✗ {problem}".replace(f"{config_home()}/", ""), limit=300)
        yield text_row(f"problem {number}", Content.styled(text, "$warn"))
    if (more := len(problems) - _PROBLEMS) > 0:
        yield text_row("problems", Content.styled(f"✗ {more} more; `tuitune models` tells them", "$warn"))


def _model_row(model: ListedModel) -> ListRow:
    cells = [
        model.id,
        _where(model),
        count_text(model.parameters),
        bytes_text(model.here.bytes) if model.here else "",
        _context_text(model.context),
        model.licence or "not stated",
    ]
    return table_row(model.id, _COLUMNS, cells, "$faint" if model.here and not model.here.complete else "")


def _context_text(tokens: int | None) -> str:
    """`128 k`: positions are counted in steps of 1,024."""
    return "n/a" if tokens is None else f"{tokens // 1024} k" if tokens % 1024 == 0 else f"{tokens:,}"


def _facts(model: ModelEntry) -> list[Content]:
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
    return lines
