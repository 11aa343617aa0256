"""What is said of an objective: what it learns from, and whether it is trained here."""

from __future__ import annotations

from dataclasses import dataclass

from tuitune.data.shapes import SHAPES, Teaching
from tuitune.data.shapes.purpose import Purpose


@dataclass(frozen=True)
class Objective:
    """What is optimised. `title` names it in a sentence, `learns_from` says what rows have to teach.

    `trained`: a recipe can name it. Of the others only the data is known, which can be looked at and converted here
    for another trainer. `rows_in` is the shape that trl's trainer of this objective takes.
    """

    name: str
    title: str
    learns_from: tuple[Teaching, ...]
    rows_in: str
    trained: bool = False

    @property
    def purpose(self) -> Purpose:
        """What it wants rows for."""
        return Purpose(self.name, self.learns_from)

    @property
    def shapes(self) -> tuple[str, ...]:
        """The shapes that it takes."""
        return tuple(name for name in SHAPES if self.purpose.takes(name))
