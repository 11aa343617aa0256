"""What the workbench knows: the data of a draft, a page of its rows, and the long work over them, without a screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuitune.data.detect import Detection
from tuitune.data.scan import begin_scan
from tuitune.data.sources.rows import Row
from tuitune.data.tasks import Progress, Task
from tuitune.objectives.descriptor import Trained
from tuitune.planning.data_plan import clean_task, settings_of, sources, token_task
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.data import DataSection
from tuitune.views.data_page import DataPage
from tuitune.views.draft import Draft


@dataclass(frozen=True)
class Target:
    """A row of the data that something can be done to: its number in its source, and its mark."""

    number: int
    mark: str


@dataclass
class Job:
    """Work of one kind, done by a process of its own. `key` is what it was begun for."""

    key: object = None
    task: Task | None = None
    progress: Progress | None = None

    @property
    def result(self) -> Mapping[str, Any] | None:
        """What came out of it; None while it is at work, and where it failed."""
        return self.progress.result if self.progress and self.progress.state == "done" else None

    @property
    def error(self) -> str:
        """Why nothing comes out of it."""
        if self.progress is None or self.progress.state != "failed":
            return ""
        return self.progress.error or "it ended without a reason"

    @property
    def working(self) -> bool:
        return self.progress is None or self.progress.state == "working"

    def look(self) -> bool:
        """Look how far it is; whether that is news."""
        if self.task is None:
            return False
        before, self.progress = self.progress, self.task.look()
        return self.progress != before

    def supersede(self, key: object) -> Task | None:
        """Make room for other work, which `key` stands for; gives the task that nobody waits for any more."""
        idle = self.task if self.working else None
        self.key, self.task, self.progress = key, None, None
        return idle


@dataclass
class Bench:
    """`source` is the data looked at: the training data, a data set mixed in, or the held-out file."""

    draft: Draft
    base: Path
    source: str
    page: DataPage | None = None
    opening: tuple[Row, ...] = ()
    """The first rows, which the shape is recognised from."""
    refusal: str = ""
    """Why no rows can be shown."""
    detection: Detection | None = None
    jobs: dict[str, Job] = field(default_factory=lambda: {kind: Job() for kind in ("scan", "clean", "tokens")})

    def open(self, source: str) -> None:
        """Look at other data; nothing is known of it yet."""
        self.source, self.page, self.opening, self.refusal, self.detection = source, None, (), "", None

    @property
    def recipe(self) -> Recipe:
        return self.draft.recipe

    @property
    def objective(self) -> Trained:
        return self.recipe.optimises

    @property
    def sources(self) -> list[str]:
        """Every data set of the draft, the training data first."""
        return sources(self.recipe)

    @property
    def is_training_data(self) -> bool:
        return self.source == self.recipe.data.train

    @property
    def is_held_out(self) -> bool:
        return self.source == self.recipe.data.eval

    @property
    def data(self) -> DataSection:
        """The data section that reads the source looked at."""
        return self.recipe.data.model_copy(update={"train": self.source})

    @property
    def scan(self) -> Mapping[str, Any] | None:
        """The report of the scan, once it is done."""
        return self.jobs["scan"].result

    @property
    def drops_unusable(self) -> bool:
        """Whether rows that cannot be used are dropped, so that they are in nobody's way."""
        return self.recipe.cleaning.unusable == "drop"

    def is_left_out(self, mark: str) -> bool:
        return mark in self.recipe.data.exclude

    def leaving_out(self, mark: str) -> dict[str, Any]:
        """The change that leaves a row out of training, or takes it back where it was left out."""
        before = self.recipe.data.exclude
        after = [one for one in before if one != mark] if mark in before else [*before, mark]
        return {"data.exclude": after}

    def key_of(self, kind: str) -> object:
        """What the outcome of a kind of work depends on."""
        recipe, data = self.recipe, self.recipe.data
        if kind == "scan":
            return self.source, data.split, data.shape, tuple(sorted(data.columns.items()))
        return settings_of(kind, recipe)


def begin_work(kind: str, recipe: Recipe, data: DataSection, base: Path) -> Task:
    """Begin a scan of `data.train`, or cleaning or tokenizing what `recipe` trains on. TuituneError says why not."""
    if kind == "scan":
        return begin_scan(data.train, base=base, split=data.split, shape=data.shape, columns=data.columns)
    return clean_task(recipe, base) if kind == "clean" else token_task(recipe, base)
