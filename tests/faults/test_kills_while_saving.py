"""kill -9 while checkpoints and the result are saved. Here at some points; `make soak` does it at every single one."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from tests.faults.tools.engines import Engines
from tests.faults.tools.lives import Experiment, survive


@pytest.fixture(scope="module")
def experiment(engines: Engines, home_for_module: None) -> Experiment:
    return Experiment(engines)


@pytest.mark.slow
def test_a_killed_engine_leaves_a_run_that_ends_the_same(experiment: Experiment) -> None:
    """Half-way to the first commit, from each to the next, and from the last to the end."""
    edges = [0, *(experiment.commit_of(step) for step in (2, 4, 6)), len(experiment.points)]
    begun = [survive(experiment, (first + last + 1) // 2).begun_from for first, last in pairwise(edges)]
    assert begun == ["the beginning", "step 2", "step 4", "step 6"]


@pytest.mark.slow
def test_the_moments_around_every_commit(experiment: Experiment) -> None:
    """At the rename, at what comes right after, and in the middle of dropping the checkpoint before; and in the middle
    of every file that is written whole."""
    result = next(number for number, point in enumerate(experiment.points, start=1) if point.endswith(" to adapter"))
    for at in (experiment.commit_of(4), result):
        for point in (at, at + 1, at + 5):
            survive(experiment, min(point, len(experiment.points)))
    drafts = [number for number, point in enumerate(experiment.points, start=1) if re.match(r"half of \.", point)]
    assert len(drafts) >= 2
    for point in drafts:
        survive(experiment, point)


def test_a_recovery_that_is_killed_too_is_recovered_from(experiment: Experiment) -> None:
    """An engine dies between a commit and the removal of the checkpoint before; the next one dies while clearing up."""
    run = experiment.killed(experiment.commit_of(4) + 4)
    for again in (1, 3, 5, 8):
        assert experiment.engines.live(run, kill_at=again).signal
    assert experiment.ends_the_same(run) == "step 4"
