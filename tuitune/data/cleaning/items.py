"""Rows that can be trained on, what of them is the instruction and what the answer, and what a step did to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tuitune.data.sources.rows import Row

MOST_EXAMPLES = 50
"""Examples that a step keeps of what it did."""

_SHOWN = 4000

Canonical = dict[str, Any]
"""A row in the form that an objective's trainer takes (see `tuitune.data.shapes.convert`)."""


@dataclass(frozen=True)
class Item:
    """A usable row: where it is from, its mark (`tuitune.data.sources.rows.mark`), and what training makes of it."""

    source: str
    number: int
    line: int | None
    file: str | None
    mark: str
    canonical: Canonical

    @property
    def place(self) -> str:
        """Where a person finds it: `row 7 (line 9)`."""
        return Row(self.number, self.line, None, file=self.file).place

    def mapped(self, change: Callable[[str], str]) -> Item:
        """The same row with every text in it changed."""
        return replace(self, canonical=_mapped(self.canonical, change))


@dataclass
class StepReport:
    """What one step did. `found` rows are concerned, of which `dropped` were left out and `changed` were altered.

    `step` is the setting's name and `key` its whole key. An example has `row`, `place` and `before`, and of `after`,
    `reason` and `other` (the row it resembles: `row`, `place`, `text`, `similarity`) those that apply.
    """

    step: str
    key: str
    title: str
    before: int
    dropped: int = 0
    changed: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)
    found: int = 0

    def show(self, item: Item, **more: Any) -> None:
        """Keep a row as an example, unless there are enough."""
        self.find({"row": item.number, "place": item.place, "before": readable(item.canonical), **more})

    def find(self, example: dict[str, Any]) -> None:
        self.found += 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(example)


def instruction(canonical: Canonical) -> str:
    """What the row asks: all that the user says, the prompt, or the whole of a plain text."""
    if "prompt" in canonical:
        return _text(canonical["prompt"])
    if "messages" in canonical:
        return "\n".join(_content(turn) for turn in canonical["messages"] if turn["role"] == "user")
    return canonical.get("text") or _text(canonical.get("chosen", ""))


def answer(canonical: Canonical) -> str:
    """The row's last answer: of two compared, the chosen one."""
    for name in ("completion", "chosen"):
        if name in canonical:
            return _text(canonical[name])
    if "messages" in canonical:
        said = [turn for turn in canonical["messages"] if turn["role"] == "assistant"]
        return _content(said[-1]) or str(said[-1].get("tool_calls") or "") if said else ""
    return canonical.get("text", "")


def readable(canonical: Canonical) -> str:
    """The row as text for a person, at most a few thousand characters of it."""
    if "messages" in canonical:
        return _text(canonical["messages"])[:_SHOWN]
    return "\n\n".join(f"{name}: {_text(value)}" for name, value in canonical.items() if name != "tools")[:_SHOWN]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n\n".join(f"{turn['role']}: {_content(turn)}" for turn in value)
    return str(value)


def _content(turn: dict[str, Any]) -> str:
    return turn.get("content") or ""


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The texts of a canonical row changed; names, roles, labels, tools and calls of tools stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [{**turn, "content": _mapped(turn.get("content"), change)} for turn in value]
    if isinstance(value, dict):
        return {name: part if name in ("tools", "label") else _mapped(part, change) for name, part in value.items()}
    return value
