"""Killing an engine at a point of its life, and what has to come of its run."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.faults.tools.engines import Engines, adapter_hash, curve, log_tail, records
from tuitune.runs.store import checkpoints
from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import read_all


class Experiment:
    """A run of six steps with a checkpoint every two, of which one is kept; `points` are those of a run left alone."""

    def __init__(self, engines: Engines, **settings: Any) -> None:
        self.engines = engines
        self._settings = settings
        engines.live(engines.run(**settings))  # from here on the tokens are in the cache, and every life is the same
        self.left_alone = engines.run(**settings)
        life = engines.live(self.left_alone)
        assert life.code == 0, log_tail(self.left_alone)
        self.points = life.points
        self.hash = adapter_hash(self.left_alone)
        self.curve = curve(self.left_alone)
        assert self.hash and len(self.curve) == 6

    @cached_property
    def saves(self) -> int:
        """How many checkpoints are committed."""
        return sum(" to checkpoints/step-" in name for name in self.points)

    @cached_property
    def first_commit(self) -> int:
        """The number of the point before which no checkpoint is committed."""
        return self.commit_of(2)

    def commit_of(self, step: int) -> int:
        """The number of the point right before the checkpoint of `step` gets its name."""
        wanted = f" to checkpoints/step-{step:06d}"
        return next(at for at, name in enumerate(self.points, start=1) if name.endswith(wanted))

    def killed(self, at: int) -> Run:
        """A run whose engine was killed at a point."""
        run = self.engines.run(**self._settings)
        life = self.engines.live(run, kill_at=at)
        assert life.signal == signal.SIGKILL, (self.points[at - 1], life, log_tail(run))
        return run

    def ends_the_same(self, run: Run, skipped: tuple[str, ...] = ()) -> str:
        """See that one more engine brings the run to the same end, having passed over the checkpoints `skipped`; what
        that engine began with."""
        heard_of = bool(records(run, "phase"))
        before = len(records(run, "resumed"))
        life = self.engines.live(run)
        assert life.code == 0, log_tail(run)
        assert adapter_hash(run) == self.hash, "another adapter"
        assert curve(run) == self.curve, "another loss curve"
        assert not _debris(run), _debris(run)
        resumed = records(run, "resumed")[before:]
        if not resumed:
            assert not heard_of, "a second engine did not say where it began"
            return "the beginning"
        (record,) = resumed
        assert tuple(Path(passed["path"]).name for passed in record["skipped"]) == skipped, record
        assert all(passed["reason"] for passed in record["skipped"])
        assert record["exact"] or record["checkpoint"] is None, record
        return f"step {record['step']}" if record["checkpoint"] else "the beginning"


@dataclass(frozen=True)
class Outcome:
    """Where the engine after a kill began."""

    point: str
    begun_from: str


def survive(experiment: Experiment, at: int) -> Outcome:
    """Kill an engine at a point, and see that the next one ends the run as if nothing had happened.

    What the dead one left under a checkpoint's final name is whole; once there was a checkpoint, the next begins there.
    """
    run = experiment.killed(at)
    newest, skipped = checkpoints.newest(run)
    assert skipped == [], skipped
    assert (newest is not None) == (at > experiment.first_commit), "no committed checkpoint"
    begun_from = experiment.ends_the_same(run)
    assert begun_from == (f"step {newest.step}" if newest else "the beginning")
    return Outcome(experiment.points[at - 1], begun_from)


def trained_again(run: Run) -> bool:
    """Whether the newest engine that said where it began came as far as a step."""
    kinds = [record["kind"] for record in read_all(run.metrics_file)]
    return "resumed" in kinds and "step" in kinds[len(kinds) - kinds[::-1].index("resumed") :]


def _debris(run: Run) -> list[str]:
    """What a life has left half done and the next should have cleared away."""
    hidden = [path for folder in (run.path, run.checkpoints) if folder.exists() for path in folder.glob(".*")]
    ours = [path for path in hidden if path != run.reserve_file and not path.name.startswith(".damaged-")]
    return [str(path.relative_to(run.path)) for path in ours]
