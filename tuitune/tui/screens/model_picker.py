"""The model picker: what is on this machine, or a path or Hub id typed in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual import on, work
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.worker import get_current_worker

from tuitune.hardware.models import ModelEntry, find_models, looks_like_hub_id
from tuitune.hub import offline
from tuitune.planning.remote import known
from tuitune.recipe.schema import ModelSection
from tuitune.text import clean
from tuitune.tui.outlook import ask_hub
from tuitune.tui.typed_path import is_folder, typed_path
from tuitune.tui.widgets.columns import Column, line, titles
from tuitune.tui.widgets.picker import Picker
from tuitune.tui.widgets.row_list import Row, RowList
from tuitune.units import bytes_text, count_text

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


class ModelPicker(Picker[str]):
    """Gives the model id that a recipe uses."""

    class Found(Message):
        """The models on this machine have been listed."""

        def __init__(self, models: Sequence[ModelEntry]) -> None:
            super().__init__()
            self.models = models

    class Told(Message):
        """The Hub has answered, or has not in a while."""

    def __init__(self, current: str, base: Path) -> None:
        super().__init__("Model", "filter, a folder, or a Hub id such as meta-llama/Llama-3.2-1B-Instruct")
        self._current = current
        self._base = base
        self._models: Sequence[ModelEntry] = ()
        self._scanned = False
        self._pause: Timer | None = None

    def on_mount(self) -> None:
        self.narrow("")
        self._scan()

    @work(thread=True, exit_on_error=False)
    def _scan(self) -> None:
        models = find_models()
        if not get_current_worker().is_cancelled:
            self.post_message(self.Found(models))

    def on_model_picker_found(self, event: Found) -> None:
        self._models, self._scanned = event.models, True
        self.narrow(self.line.value, cursor=None if self.line.value else self._current)

    def narrow(self, text: str, *, cursor: str | None = None) -> None:
        words = text.lower().split()
        shown = [model for model in self._models if all(word in _haystack(model) for word in words)]
        rows = [Row(model.id, lambda width, model=model: [_line(model, width)]) for model in shown]  # type: ignore[misc]
        typed = text.strip()
        if typed and typed not in {model.id for model in self._models} and (offer := self._offer(typed)):
            rows.append(Row(_TYPED, lambda _width: [offer]))
        self.show_heading(titles(_COLUMNS, max(1, self.list.size.width - 2)) if shown else Content(""))
        self.list.set_rows(rows, cursor=cursor)
        if not rows:
            waiting = "Looking for models …" if not self._scanned else "No matching model. Type a folder or owner/name."
            self.show_facts(Content.styled(waiting, "$faint"))
        else:
            self._explain(self.list.current)

    def _offer(self, typed: str) -> Content | None:
        name = Content.styled(clean(typed, limit=200), "bold")
        if is_folder(typed_path(typed, self._base)):
            return Content.assemble("use ", name, " (a folder)")
        if looks_like_hub_id(typed):
            return Content.assemble("use ", name, " (Hub id: downloaded when the run starts)")
        return None

    def choose(self, key: str) -> None:
        self.dismiss(self.line.value.strip() if key == _TYPED else key)

    def complete(self, key: str) -> None:
        if key != _TYPED:
            self.line.value = key
            self.line.cursor_position = len(key)

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        self._explain(event.key)

    def on_resize(self) -> None:
        self.call_after_refresh(lambda: self.narrow(self.line.value))

    def _explain(self, key: str | None) -> None:
        model = next((model for model in self._models if model.id == key), None)
        if model is not None:
            self.show_facts(_facts(model))
        elif key == _TYPED:
            typed = self.line.value.strip()
            local = is_folder(typed_path(typed, self._base))
            self.show_facts(Content("") if local else self._told(typed))

    def _told(self, name: str) -> Content:
        """What the Hub says about a model; it is asked once the typing pauses."""
        if self._pause is not None:
            self._pause.stop()
        if forbids := offline():
            return Content.styled(f"{forbids} is set: the Hub is not asked", "$faint")
        if (told := known(name, _REVISION)) is None:
            asked = ModelSection(id=name, revision=_REVISION)
            self._pause = self.set_timer(_PAUSE_SECONDS, lambda: ask_hub(asked, lambda: self.post_message(self.Told())))
            return Content.styled("asking the Hub …", "$faint")
        if told.refused:
            return Content.styled(clean(told.refused), "$bad")
        facts = told.facts
        if facts is None:
            return Content.styled(clean(f"unknown: {told.unknown}"), "$faint")
        kind = clean(facts.model_type or "unknown architecture", limit=40)
        parts = (kind, f"{count_text(facts.parameters)} parameters", f"{bytes_text(told.download)} to download")
        return Content(" · ".join(parts))

    def on_model_picker_told(self) -> None:
        self._explain(self.list.current)


def _haystack(model: ModelEntry) -> str:
    return f"{model.id} {_KINDS[model.kind]} {model.model_type or ''} {model.licence or ''}".lower()


def _line(model: ModelEntry, width: int) -> Content:
    cells = [
        model.id,
        _KINDS[model.kind],
        count_text(model.parameters),
        bytes_text(model.bytes),
        model.dtype or "n/a",
        model.licence or "not stated",
    ]
    return line(_COLUMNS, cells, width, "" if model.complete else "$faint")


def _facts(model: ModelEntry) -> Content:
    template = {True: "has a chat template", False: "no chat template", None: "chat template unknown"}[
        model.chat_template
    ]
    first = [
        model.model_type or "unknown architecture",
        f"{count_text(model.parameters)} parameters",
        bytes_text(model.bytes),
    ]
    first += [model.dtype or "dtype unknown", template]
    second = [f"licence {model.licence or 'not stated'}"]
    if model.revision:
        second.append(f"revision {model.revision[:12]}")
    if model.gated is not None:
        second.append("gated" if model.gated else "not gated")
    lines = [
        Content(clean(" · ".join(first))),
        Content(clean(" · ".join(second))),
        Content.styled(clean(str(model.path)), "$faint"),
    ]
    if not model.complete:
        lines.append(Content.styled("✗ files are missing: the rest is downloaded when the run starts", "$warn"))
    return Content("\n").join(lines)
