"""What ships with tuitune: a small base model and the data sets to try it on, called `bundled:NAME`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tuitune.objectives import TRAINED
from tuitune.objectives.descriptor import Teaching
from tuitune.paths import shipped
from tuitune.problem import TuituneError
from tuitune.text import clean

PREFIX = "bundled:"
HELD_OUT = "heldout"

MODELS = {"nano": "A small Llama-architecture chat model, about 4 M parameters, that answers everyday questions."}
"""Bundled base models and what they are."""


@dataclass(frozen=True)
class BundledSet:
    """A data set that ships with tuitune: training rows and held-out rows of the same kind, and what they teach."""

    name: str
    title: str
    help: str
    suffix: str = "jsonl"
    teaches: Teaching = "answers"

    @property
    def id(self) -> str:
        """The name that a recipe uses: `bundled:triage`."""
        return PREFIX + self.name

    @property
    def train(self) -> Path:
        return shipped("sample_data") / self.name / f"train.{self.suffix}"

    @property
    def heldout(self) -> Path:
        return shipped("sample_data") / self.name / f"{HELD_OUT}.{self.suffix}"

    @cached_property
    def rows(self) -> int:
        """How many training rows there are; 0 where the file is missing."""
        try:
            lines = self.train.read_bytes().splitlines()
        except OSError:
            return 0
        return sum(line.startswith((b"{", b"  {")) for line in lines)


SETS = {
    one.name: one
    for one in (
        BundledSet("triage", "Support triage", "A support message in, a JSON record out: a format."),
        BundledSet("style", "Ship's log", "Everyday questions, answered as entries of a ship's log: a style."),
        BundledSet("alpaca", "Small tasks", "Everyday instructions in Alpaca shape.", "json"),
        BundledSet("tasks", "Tasks with answers", "Prompts whose answer can be checked: numbers, words, lists, JSON."),
        BundledSet("prose", "Prose", "Portraits, diaries, letters, guides and fables, as plain text.", teaches="text"),
        BundledSet(
            "preferences", "Preferences", "Questions with a better and a worse answer each.", teaches="preferences"
        ),
        BundledSet("feedback", "Feedback", "Questions with one answer each, called good or bad.", teaches="labels"),
    )
}
"""Bundled data sets by name."""


def bundled_sets() -> list[BundledSet]:
    """Those that an objective can be trained on."""
    taught = {teaching for objective in TRAINED.values() for teaching in objective.learns_from}
    return [one for one in SETS.values() if one.teaches in taught]


def data_path(name: str) -> Path:
    """The training rows of `bundled:NAME`, or the held-out rows of `bundled:NAME/heldout`.

    TuituneError names the sets there are.
    """
    found, _, part = name.removeprefix(PREFIX).partition("/")
    chosen = SETS.get(found)
    if chosen is None or part not in ("", "train", HELD_OUT):
        known = ", ".join(one.id for one in bundled_sets())
        shown = clean(name, limit=80)
        raise TuituneError(f"no bundled data set '{shown}'; there are {known}, each also with /{HELD_OUT}")
    return chosen.heldout if part == HELD_OUT else chosen.train
