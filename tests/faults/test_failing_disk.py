"""An engine's life, system call by system call: the order of its writes, and full disks and disks that fail to sync at
some moments of it; `make soak` takes every one.

Real engines are traced by strace, which makes calls of theirs fail.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.tools.engines import Engines, log_tail
from tests.faults.tools.failing_disk import fail_from_then_on, fail_once, saves_a_checkpoint
from tests.faults.tools.lives import Experiment
from tests.faults.tools.traces import Traced, moments, trace
from tests.faults.tools.tracing import SYNCS, WRITES, Call, needs_tracing

pytestmark = needs_tracing


@pytest.fixture(scope="module")
def experiment(engines: Engines, home_for_module: Path) -> Experiment:
    return Experiment(engines)


@pytest.fixture(scope="module")
def undisturbed(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """An engine that nothing happened to."""
    ended = trace(experiment.engines, experiment.engines.run(), tmp_path_factory.mktemp("trace") / "trace")
    assert ended.life.code == 0, log_tail(ended.run)
    return ended


@pytest.fixture(scope="module")
def found(undisturbed: Traced) -> list[Call]:
    return undisturbed.calls


def test_everything_is_on_disk_before_it_gets_its_name_and_before_anything_older_goes(
    undisturbed: Traced, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = undisturbed.verdict
    with capsys.disabled():
        print(f"\n[order of writes] {verdict}")
    steps = [f"checkpoints/step-{step:06d}" for step in (2, 4, 6)]
    assert verdict.commits == [*steps, f"{undisturbed.run.path.name}/adapter"]
    assert verdict.removals == steps[:2]
    assert verdict.breaches == []


def test_an_extended_run_replaces_its_adapter_in_the_same_order(
    experiment: Experiment, undisturbed: Traced, tmp_path: Path
) -> None:
    run = undisturbed.run
    run.recipe_file.write_text(run.recipe_file.read_text().replace("max_steps = 6", "max_steps = 8"))
    ended = trace(experiment.engines, run, tmp_path / "trace")
    assert ended.life.code == 0, log_tail(run)
    assert ended.verdict.commits == ["checkpoints/step-000008", f"{run.path.name}/adapter"]
    assert ended.verdict.breaches == []


def spread(calls: list[Call], count: int) -> list[Call]:
    """One from the middle of each of `count` parts."""
    return [calls[(2 * part + 1) * len(calls) // (2 * count)] for part in range(count)] if len(calls) > count else calls


def one_of_each_file(calls: list[Call]) -> list[Call]:
    """The last call about each file, whatever the folder it was staged in was called."""
    return list({Path(call.paths[0]).name.partition(".tmp")[0]: call for call in calls}.values())


def test_a_full_disk_at_one_write(experiment: Experiment, found: list[Call], tmp_path: Path) -> None:
    calls = moments(found, WRITES)
    of_checkpoints = one_of_each_file([call for call in calls if saves_a_checkpoint(call)])
    assert len(of_checkpoints) >= 8
    for call in spread(of_checkpoints, 1):
        assert fail_once(experiment, call, "ENOSPC", tmp_path / "trace") == "finished", call
    for call in spread(one_of_each_file([call for call in calls if not saves_a_checkpoint(call)]), 1):
        fail_once(experiment, call, "ENOSPC", tmp_path / "trace")


def test_a_disk_that_stays_full(experiment: Experiment, found: list[Call], tmp_path: Path) -> None:
    for call in spread(moments(found, ("write", "writev")), 2):
        fail_from_then_on(experiment, call, "ENOSPC", tmp_path / "trace")


@pytest.mark.slow
def test_a_sync_that_fails(experiment: Experiment, found: list[Call], tmp_path: Path) -> None:
    syncs = moments(found, SYNCS)
    of_checkpoints = [call for call in syncs if saves_a_checkpoint(call)]
    for call in spread(of_checkpoints, 2):
        assert fail_once(experiment, call, "EIO", tmp_path / "trace") == "finished"
    for call in spread([call for call in syncs if call not in of_checkpoints], 1):
        fail_once(experiment, call, "EIO", tmp_path / "trace")
