"""Full disks and disks that fail to sync, at some moments of an engine's life; `make soak` takes every one.

The failures are injected into the system calls of a real engine by strace.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.tools.engines import Engines
from tests.faults.tools.failing_disk import fail_from_then_on, fail_once, saves_a_checkpoint
from tests.faults.tools.lives import Experiment
from tests.faults.tools.traces import moments, trace
from tests.faults.tools.tracing import SYNCS, WRITES, Call, needs_tracing

pytestmark = needs_tracing


@pytest.fixture(scope="module")
def experiment(engines: Engines, home_for_module: Path) -> Experiment:
    return Experiment(engines)


@pytest.fixture(scope="module")
def found(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """The calls of an engine that nothing happened to."""
    return trace(experiment.engines, experiment.engines.run(), tmp_path_factory.mktemp("trace") / "trace").calls


def spread(calls: list[Call], count: int) -> list[Call]:
    return [calls[number * len(calls) // count] for number in range(count)] if len(calls) > count else calls


def one_of_each_file(calls: list[Call]) -> list[Call]:
    """The last call about each file, whatever the folder it was staged in was called."""
    return list({Path(call.paths[0]).name.partition(".tmp")[0]: call for call in calls}.values())


def test_a_full_disk_at_one_write(experiment: Experiment, found: list[Call], tmp_path: Path) -> None:
    calls = moments(found, WRITES)
    of_checkpoints = one_of_each_file([call for call in calls if saves_a_checkpoint(call)])
    assert len(of_checkpoints) >= 8
    for call in spread(of_checkpoints, 5):
        assert fail_once(experiment, call, "ENOSPC", tmp_path / "trace") == "finished", call
    for call in spread(one_of_each_file([call for call in calls if not saves_a_checkpoint(call)]), 4):
        fail_once(experiment, call, "ENOSPC", tmp_path / "trace")


def test_a_disk_that_stays_full(experiment: Experiment, found: list[Call], tmp_path: Path) -> None:
    for call in spread(moments(found, ("write", "writev")), 3):
        fail_from_then_on(experiment, call, "ENOSPC", tmp_path / "trace")


def test_a_sync_that_fails(experiment: Experiment, found: list[Call], tmp_path: Path) -> None:
    syncs = moments(found, SYNCS)
    of_checkpoints = [call for call in syncs if saves_a_checkpoint(call)]
    for call in spread(of_checkpoints, 4):
        assert fail_once(experiment, call, "EIO", tmp_path / "trace") == "finished"
    for call in spread([call for call in syncs if call not in of_checkpoints], 2):
        fail_once(experiment, call, "EIO", tmp_path / "trace")
