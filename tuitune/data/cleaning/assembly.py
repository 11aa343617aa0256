"""From what a recipe wants of its data to the rows that are trained on and those that are held out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tuitune.data.cleaning import steps
from tuitune.data.cleaning.gather import DataRefused, Gathered, Progress, gather
from tuitune.data.cleaning.items import Item, StepReport
from tuitune.data.cleaning.leakage import leakage
from tuitune.data.cleaning.mix import counts, take
from tuitune.data.cleaning.split import as_before, hold_out
from tuitune.data.cleaning.wanted import Cleaning, Wanted
from tuitune.data.shapes.detect import Detection
from tuitune.problem import Problem

__all__ = ["Assembled", "Cleaning", "DataRefused", "Item", "StepReport", "Wanted", "assemble"]


@dataclass
class Assembled:
    """The rows of a run, in the order of their sources, and what each step did to them. `shape` is the training data's.

    `rows` counts those read of the training data; `notes` are sentences for a person.
    """

    train: list[Item]
    held_out: list[Item]
    shape: Detection
    rows: int
    steps: list[StepReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def held_out_marks(self) -> list[str]:
        """Marks of the held-out rows, to hold the same ones out again."""
        return [item.mark for item in self.held_out]

    def as_json(self) -> dict[str, Any]:
        """The result of a `clean` task."""
        return {
            "steps": [asdict(step) for step in self.steps],
            "rows": self.rows,
            "train": len(self.train),
            "held_out": len(self.held_out),
            "notes": self.notes,
        }


def assemble(
    wanted: Wanted,
    *,
    base: Path | None = None,
    held_out: Collection[str] | None = None,
    preview: bool = False,
    progress: Progress = lambda text, done, total: None,
) -> Assembled:
    """Read, convert, clean, mix and split the data. Relative paths start at `base`.

    `held_out` are the marks of an earlier split, which is made again. With `preview`, steps that are switched off say
    what they would find, and unusable rows are counted where they would be refused. DataRefused, or SourceError,
    names what is wrong.
    """

    def of(text: str) -> Callable[[int, int], object]:
        return lambda done, total: progress(text, done, total)

    def read(name: str, **more: Any) -> Gathered:
        return gather(
            name, wanted.cleaning, objective=wanted.objective, base=base, exclude=wanted.exclude, refuse=not preview,
            progress=progress, **more,
        )  # fmt: skip

    main = read(wanted.train, split=wanted.split, shape=wanted.shape, columns=wanted.columns, limit=wanted.limit)
    done = Assembled(main.items, [], main.shape, main.rows, list(main.steps))
    _clean(done, wanted.cleaning, preview, of("looking for near-duplicates"))
    _mix(done, wanted, read)
    if isinstance(wanted.eval, str):
        done.held_out = read(wanted.eval).items
        done.train, report = leakage(done.train, done.held_out, wanted.cleaning, of("looking for leakage"))
        done.steps.append(report)
    elif wanted.eval is not None:
        _split(done, wanted, held_out, of("splitting"))
    if not done.train:
        raise DataRefused(Problem(wanted.train, "no training row is left after cleaning; loosen [cleaning]"))
    return done


def _clean(done: Assembled, cleaning: Cleaning, preview: bool, progress: Callable[[int, int], object]) -> None:
    """The steps in their order; those switched off only where they are to say what they would find."""
    active = {
        "whitespace": cleaning.whitespace,
        "shortest": cleaning.shortest is not None,
        "duplicates": cleaning.duplicates,
        "near_duplicates": cleaning.near_duplicates is not None,
    }
    for name, step in (
        ("whitespace", steps.whitespace),
        ("shortest", steps.shortest),
        ("duplicates", steps.duplicates),
        ("near_duplicates", lambda items, cleaning: steps.near_duplicates(items, cleaning, progress)),
    ):
        if active[name] or preview:
            done.train, report = step(done.train, cleaning)
            done.steps.append(report)


def _mix(done: Assembled, wanted: Wanted, read: Callable[..., Gathered]) -> None:
    for name, count in counts(len(done.train), wanted.mix).items():
        added, note = take(name, read(name).items, count, wanted.seed)
        done.train = [*done.train, *added]
        done.notes += [note] if note else []


def _split(
    done: Assembled, wanted: Wanted, held_out: Collection[str] | None, progress: Callable[[int, int], object]
) -> None:
    if len(done.train) < 2:
        message = "one row cannot be split; name a file of held-out rows, or leave data.eval empty"
        raise DataRefused(Problem("data.eval", message))
    if held_out is not None:
        done.train, done.held_out = as_before(done.train, held_out)
    else:
        assert isinstance(wanted.eval, float)
        similarity = wanted.cleaning.similarity
        done.train, done.held_out, notes = hold_out(done.train, wanted.eval, wanted.seed, similarity, progress)
        done.notes += notes
