"""What comes of the data of a run: rows, what each step did to them, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tuitune.data.detect import Detection
from tuitune.data.sources.rows import Row, name_of
from tuitune.problem import TuituneError

Say = Callable[[str, int, int | None], None]
"""Takes progress: what is being done, rows done, and rows in all (None where unknown). It may raise, to interrupt."""

Begun = Callable[[list["Item"]], None]
"""Takes the first training rows before the others are read. It may raise, to spare the reading."""

EXAMPLES = 50
"""Examples that a step keeps."""

LONGEST_EXAMPLE = 2000
"""Characters kept of a text in an example."""


class DataRefused(TuituneError):  # noqa: N818
    """Data that cannot be trained on as it is; the problem names the setting, the rows and the way out."""


@dataclass(frozen=True)
class Item:
    """A usable row: where it comes from, the mark of what it held, what it became for training, and what speaks against
    it (`tuitune.shapes.doubts`).
    """

    source: str
    number: int
    line: int | None
    file: str | None
    mark: str
    canonical: dict[str, Any]
    doubt: str = ""

    @property
    def place(self) -> str:
        """`row 7 (part-2.jsonl, line 9)`."""
        return Row(self.number, self.line, None, file=self.file).place


@dataclass
class StepReport:
    """What one step did to the rows: of `before` rows it `found` so many, `dropped` or `changed` them.

    An example is `{"row", "place", "source"}` with `"before"` and `"after"` texts or the `"reason"`, and `"other"` for
    the row that it equals or resembles.
    """

    step: str
    key: str
    title: str
    before: int = 0
    found: int = 0
    dropped: int = 0
    changed: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)

    def note(self, item: Item | Row, source: str = "", **more: Any) -> None:
        """Count a row as found, and keep it as an example while there is room."""
        self.found += 1
        if len(self.examples) < EXAMPLES:
            named = {"row": item.number, "place": item.place, "source": name_of(source or getattr(item, "source", ""))}
            cut = {key: value[:LONGEST_EXAMPLE] if isinstance(value, str) else value for key, value in more.items()}
            self.examples.append({**named, **cut})

    def drop(self, item: Item | Row, source: str = "", **more: Any) -> None:
        """Count a row as found and dropped."""
        self.dropped += 1
        self.note(item, source, **more)


@dataclass
class Assembled:
    """The rows of a run. `drawn` says that the held-out rows were drawn from the training data, not read elsewhere;
    `unread` are the columns, and keys of turns, that say something in the first training rows and are not learned.
    """

    train: list[Item]
    held_out: list[Item]
    steps: list[StepReport]
    notes: list[str]
    shape: Detection
    drawn: bool = False
    unread: list[str] = field(default_factory=list)

    @property
    def held_out_marks(self) -> list[str]:
        """Marks of the rows drawn from the training data: what makes the same split again."""
        return sorted({item.mark for item in self.held_out}) if self.drawn else []


def nothing_more(_items: list[Item]) -> None:
    """Nobody looks at the first rows."""


def no_progress(_text: str, _done: int, _total: int | None) -> None:
    """Nobody is told."""
