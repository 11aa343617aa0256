"""What a recipe will cost and whether it fits this machine, as far as that is known before it starts.

Nothing is guessed: what is not known is None.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tuitune.data.scan import begin_scan
from tuitune.data.scan.inspect import inspect
from tuitune.data.scan.report import Inspection
from tuitune.data.sources.names import resolve, stamp
from tuitune.data.sources.packed import is_packed
from tuitune.hardware.gpus import Gpu, GpuSampler
from tuitune.hardware.host import Host, host
from tuitune.hardware.models import locate
from tuitune.planning.checks import remote
from tuitune.planning.checks.tuners import check_tuner
from tuitune.planning.preflight import Check, check
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.data import DataSection
from tuitune.recipe.sections.model import ModelSection

_SMALL = 8 << 20
"""Bytes of a file that is inspected by the screen itself, in a moment; larger ones by a process."""

_LOOK_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Estimate(Check):
    """All that is known about a recipe on this machine. Sizes in bytes; `rows` are training rows."""

    recipe: Recipe
    gpus: tuple[Gpu, ...]
    gpu_reason: str
    host: Host

    @property
    def model_unknown(self) -> str:
        """Why nothing is known of the model; "" where its facts are here, which may come later than the rest."""
        if self.facts is not None:
            return ""
        return "asking the Hub about the model …" if self.to_ask else self.unknown or "the model is not available"

    @property
    def effective_batch(self) -> int:
        """Rows between two optimizer steps."""
        return self.recipe.training.batch_size * self.recipe.training.accumulation

    @property
    def capacity(self) -> int | None:
        """Memory that the run can have: what is free on the GPU, or the RAM available where there is none."""
        return self.fit.free if self.fit else self.host.memory_available

    @property
    def place(self) -> str:
        return f"GPU {self.fit.gpu.index}" if self.fit and self.fit.gpu else "RAM"


class Inspections:
    """What was counted in whole data sets, in the background, and is kept while data and reading stay the same."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._kept: dict[tuple[object, ...], Inspection | None] = {}
        self._at_work: set[tuple[object, ...]] = set()
        self._lock = threading.Lock()

    def usable(self, data: DataSection) -> int | None:
        """The rows of the training data that can be used, once they are counted."""
        known = self._kept.get(_key(data, self._base))
        return known.rows - known.problem_count if known else None

    def begin(self, data: DataSection, done: Callable[[], object]) -> None:
        """Inspect the training data unless that is done or going on; `done` is called from another thread, a daemon."""
        key = _key(data, self._base)
        with self._lock:
            if not key or key in self._kept or key in self._at_work:
                return
            self._at_work.add(key)
        threading.Thread(target=self._inspect, args=(key, data, done), name="inspect", daemon=True).start()

    def _inspect(self, key: tuple[object, ...], data: DataSection, done: Callable[[], object]) -> None:
        try:
            self._kept[key] = _inspected(data, self._base)
        except (TuituneError, OSError):
            self._kept[key] = None
        self._at_work.discard(key)
        with contextlib.suppress(RuntimeError):
            done()


def _inspected(data: DataSection, base: Path) -> Inspection | None:
    """The inspection of the training data: made here where it is small, else the scan that the workbench shows too."""
    source = resolve(data.train, base=base)
    small = source.path is not None and source.light and not is_packed(source.path)
    if small and source.path is not None and source.path.stat().st_size <= _SMALL:
        return inspect(source.path, shape=data.shape, columns=data.columns)
    task = begin_scan(data.train, base=base, split=data.split, shape=data.shape, columns=data.columns)
    while (progress := task.look()).state == "working":
        time.sleep(_LOOK_SECONDS)
    return Inspection.from_json(progress.result) if progress.result else None


def _key(data: DataSection, base: Path) -> tuple[object, ...]:
    """What an inspection depends on; empty where there is no file here to inspect."""
    try:
        source = resolve(data.train, base=base)
        return (stamp(source), data.shape, tuple(sorted(data.columns.items()))) if source.paths else ()
    except (OSError, TuituneError):
        return ()


def ask_hub(model: ModelSection, done: Callable[[], object]) -> None:
    """Ask the Hub about a model in the background; `done` is called from another thread, a daemon."""

    _in_background("ask the Hub", lambda: remote.ask(model.id, model.revision), done)


def ask_tuner(recipe: Recipe, base: Path, done: Callable[[], object]) -> None:
    """Ask PEFT about a recipe's tuner in the background; `done` is called from another thread, a daemon."""
    folder = locate(recipe.model.id, recipe.model.revision, base=base)
    _in_background("ask PEFT", lambda: check_tuner(recipe, folder, ask=True), done)


def _in_background(name: str, ask: Callable[[], object], done: Callable[[], object]) -> None:
    def asked() -> None:
        ask()
        with contextlib.suppress(RuntimeError):
            done()

    threading.Thread(target=asked, name=name, daemon=True).start()


def look(recipe: Recipe, *, base: Path, sampler: GpuSampler, inspections: Inspections) -> Estimate:
    """Everything known about `recipe` now, by the first rows of its data. Relative paths start at `base`."""
    found = check(recipe, base=base, rows=inspections.usable(recipe.data))
    gpus = tuple(sampler.sample())
    return Estimate(**vars(found), recipe=recipe, gpus=gpus, gpu_reason=sampler.reason, host=host())
