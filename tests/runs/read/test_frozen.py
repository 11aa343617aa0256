"""Run directories as every released version left them: they open, their figures are right, and they go on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.runs.harness import events, wait_for
from tuitune.problem import TuituneError
from tuitune.runs import deletion, launcher
from tuitune.runs.read.state import AT_REST, derive
from tuitune.runs.read.summary import RunView, summarize
from tuitune.runs.store import checkpoints
from tuitune.runs.store.directory import Run, find
from tuitune.runs.store.journal import read_all

FROZEN = Path(__file__).with_name("frozen")
ID = "01M85CHFT7HQ9QRTJ3WGH7FK0C"


@pytest.fixture
def frozen(home: Path) -> Run:
    """A copy of the run of 0.1.0 among this home's runs, without the empty folders that git does not keep."""
    (home / "runs").mkdir(parents=True)
    folder = home / "runs" / f"{ID}-frozen"
    shutil.copytree(FROZEN / "0.1.0", folder, ignore=shutil.ignore_patterns("control"))
    return Run(folder)


def test_every_figure_of_a_run_of_0_1_0_is_what_it_was(frozen: Run) -> None:
    found = summarize(frozen)
    assert (found.id, found.name, found.state, found.reason) == (ID, "frozen", "finished", "")
    assert (found.step, found.total_steps, found.epoch) == (3, 3, 1.5)
    assert found.loss == pytest.approx(6.699885)
    assert found.eval_loss == pytest.approx(8.117944)
    assert found.perplexity["tuned"] == pytest.approx(3354.118712)
    assert found.perplexity["base"] is not None
    assert (found.started_at, found.ended_at) == (1795477258.129, 1795477265.866)
    assert found.adapter == str(frozen.adapter)
    assert (found.recipe["training"]["max_steps"], found.recipe["run"]["name"]) == (3, "frozen")
    assert found.created_at == 1795477258.055
    assert json.dumps(found.as_json())


def test_its_records_are_all_there(frozen: Run) -> None:
    view = RunView(frozen)
    view.refresh()
    assert view.complete and view.broken == 0
    assert list(view.steps["step"]) == [1, 2, 3]
    assert [evaluation.label for evaluation in view.evaluations] == ["base", "during", "tuned"]
    assert [sample.step for sample in view.samples] == [0, 2, 3]
    assert [event.kind for event in view.events] == ["supervisor", "engine", "exited", "ended"]


def test_its_checkpoint_cannot_be_verified_and_is_left_alone(frozen: Run) -> None:
    newest, skipped = checkpoints.newest(frozen)
    assert newest is None
    assert [(path.name, "MANIFEST.json" in reason) for path, reason in skipped] == [("step-000003", True)]
    assert checkpoints.rotate(frozen, keep=1) == []
    assert (frozen.checkpoints / "step-000003").is_dir()


def test_it_is_found_refused_more_of_the_same_and_can_be_deleted(frozen: Run) -> None:
    assert find("frozen") == frozen
    with pytest.raises(TuituneError, match=r"finished.*training\.max_steps=… \(now 3\)"):
        launcher.resume(frozen)
    assert read_all(frozen.events_file) == read_all(FROZEN / "0.1.0" / "events.jsonl")
    deletion.delete(frozen)
    assert not frozen.path.exists()


@pytest.mark.slow
def test_extended_it_starts_from_the_beginning_and_says_so(frozen: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real engine: its checkpoint has no manifest, so nobody knows whether it is whole."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = (frozen.adapter / "adapter_model.safetensors").read_bytes()
    launcher.resume(frozen, {"training.max_steps": 4})
    wait_for(lambda: derive(frozen)[0] in AT_REST and len(events(frozen, "ended")) == 2, seconds=120)
    assert derive(frozen) == ("finished", ""), frozen.log_file.read_text()[-2000:]
    records = read_all(frozen.metrics_file)
    (resumed,) = [record for record in records if record["kind"] == "resumed"]
    assert (resumed["step"], resumed["checkpoint"]) == (0, None)
    assert [Path(skipped["path"]).name for skipped in resumed["skipped"]] == ["step-000003"]
    found = summarize(frozen)
    assert (found.state, found.step, found.total_steps) == ("finished", 4, 4)
    assert (frozen.adapter / "adapter_model.safetensors").read_bytes() != before
    assert checkpoints.newest(frozen)[0] is not None
    (amended,) = events(frozen, "amended")
    assert amended["changes"] == {"training.max_steps": {"from": 3, "to": 4}}
    assert [event["life"] for event in events(frozen, "supervisor")[1:]] == [2]
