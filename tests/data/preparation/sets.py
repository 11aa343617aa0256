"""Data sets to clean: files of question and answer rows, and texts that resemble each other."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tuitune.data.preparation.assembled import Assembled, Item
from tuitune.recipe.schema import Recipe

_WORDS = [
    "".join(random.Random(number).choices("abcdefghijklmnopqrstuvwxyz", k=2 + number % 7)) for number in range(2000)
]


def row(question: str, answer: str = "An answer that is long enough to be kept.") -> dict[str, str]:
    return {"question": question, "answer": answer}


def write(path: Path, rows: Iterable[Mapping[str, Any] | str]) -> str:
    """A JSON Lines file; a text is a line as it is. The answer is its name."""
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in rows), encoding="utf-8")
    return str(path)


def sentence(seed: int, words: int = 30) -> str:
    return " ".join(random.Random(seed).choices(_WORDS, k=words))


def altered(text: str, seed: int, words: int = 1) -> str:
    """The text with a few of its words replaced."""
    chosen, parts = random.Random(seed), text.split()
    for place in chosen.sample(range(len(parts)), words):
        parts[place] = f"changed{seed}"
    return " ".join(parts)


def questions(items: Iterable[Item]) -> list[str]:
    return [item.canonical["messages"][0]["content"] for item in items]


def step(made: Assembled, name: str) -> Any:
    return next(one for one in made.steps if one.step == name)


def asked(
    train: str, *, eval: float | str | None = None, seed: int = 42, cleaning: dict[str, Any] | None = None, **data: Any
) -> Recipe:
    """A recipe on these rows, of which nothing is held out unless that is said."""
    tables = {"data": {"train": train, "eval": eval, **data}, "cleaning": cleaning or {}, "run": {"seed": seed}}
    return Recipe.model_validate(tables)
