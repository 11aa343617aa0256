"""A disk that fails at one system call of an engine's life, or at all from one on; and what has to come of the run."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.faults.tools.engines import adapter_hash, curve, log_tail, records
from tests.faults.tools.lives import Experiment
from tests.faults.tools.traces import Traced, trace
from tests.faults.tools.tracing import Call, inject
from tuitune.runs.store import checkpoints


def where(call: Call, run_path: Path) -> str:
    """What a call was about, below its run's directory."""
    return f"{call.name} {call.nth} of {call.paths[0].removeprefix(str(run_path)).lstrip('/')}"


def saves_a_checkpoint(call: Call) -> bool:
    return "/checkpoints/" in call.paths[0] or call.paths[0].endswith("/checkpoints")


def fail_once(experiment: Experiment, call: Call, error: str, output: Path) -> str:
    """One call fails. A checkpoint that cannot be saved is skipped and said, and training goes on to the same end; what
    else cannot be written may end the run, which the next engine then brings to the same end. How it ended here."""
    ended = trace(experiment.engines, experiment.engines.run(), output, *inject(call.name, call.nth, f"error={error}"))
    assert f"{error} (" in output.read_text() and "(INJECTED)" in output.read_text()
    assert not ended.verdict.breaches, ended.verdict
    _only_whole_checkpoints(ended)
    if saves_a_checkpoint(call):
        assert ended.life.code == 0, log_tail(ended.run)
        skipped = [alert for alert in records(ended.run, "alert") if alert["id"] == "checkpoint-skipped"]
        assert bool(skipped) == (_saved(ended) < experiment.saves), (where(call, ended.run.path), ended.verdict)
    if ended.life.code == 0:
        assert (adapter_hash(ended.run), curve(ended.run)) == (experiment.hash, experiment.curve)
        return "finished"
    return _goes_on(experiment, ended)


def fail_from_then_on(experiment: Experiment, call: Call, error: str, output: Path) -> str:
    """Every call of this name fails from one on: the run fails, what was committed stays, and room lets it go on."""
    option = inject(call.name, call.nth, f"error={error}", and_all_after=True)
    ended = trace(experiment.engines, experiment.engines.run(), output, *option)
    assert not ended.verdict.breaches, ended.verdict
    _only_whole_checkpoints(ended)
    if ended.life.code == 0:
        assert (adapter_hash(ended.run), curve(ended.run)) == (experiment.hash, experiment.curve)
        return "finished"
    return _goes_on(experiment, ended)


def _saved(ended: Traced) -> int:
    """How many checkpoints were committed and can be relied on."""
    return len([name for name in ended.verdict.commits if "/step-" in name]) - len(ended.verdict.distrusted)


def _only_whole_checkpoints(ended: Traced) -> None:
    """Every checkpoint that was committed is there and verifies, but for those dropped in good order."""
    listed = checkpoints.listing(ended.run)
    assert all(not checkpoints.verify(checkpoint) for checkpoint in listed)
    committed = {name for name in ended.verdict.commits if "/step-" in name}
    assert {f"checkpoints/{checkpoint.path.name}" for checkpoint in listed} == committed - set(ended.verdict.removals)


def _goes_on(experiment: Experiment, ended: Traced) -> str:
    newest, _ = checkpoints.newest(ended.run)
    assert ended.life.code == 1, (ended.life, log_tail(ended.run))
    begun_from = experiment.ends_the_same(ended.run)
    assert begun_from == (f"step {newest.step}" if newest else "the beginning")
    return f"failed, then went on from {begun_from}"


def kill_at_call(experiment: Experiment, call: Call, output: Path) -> str:
    """An engine is killed as it enters a system call; the next one ends the run the same. What that began from."""
    ended = trace(experiment.engines, experiment.engines.run(), output, *inject(call.name, call.nth, "signal=KILL"))
    assert ended.life.signal == signal.SIGKILL, (where(call, ended.run.path), ended.life)
    newest, skipped = checkpoints.newest(ended.run)
    assert skipped == [], (where(call, ended.run.path), skipped)
    begun_from = experiment.ends_the_same(ended.run)
    assert begun_from == (f"step {newest.step}" if newest else "the beginning")
    return begun_from
