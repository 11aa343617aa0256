"""How long a run at rest may go on: never to a step that it has passed already."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from tuitune.cli import launching
from tuitune.cli.verbs.start import resume
from tuitune.problem import TuituneError
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.runs import launcher
from tuitune.runs.control.amendment import prepared
from tuitune.runs.store import checkpoints
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import JournalWriter

DONE = 4


def at_rest(state: str, *settings: str) -> Run:
    """A run of two steps an epoch that came to rest in a state after four steps, which its checkpoint holds."""
    run = create(apply(Recipe(), settings))
    with JournalWriter(run.events_file) as events:
        events.append(event="supervisor", life=1, resumes=False)
        events.append(event="ended", state=state, reason="")
    with JournalWriter(run.metrics_file) as metrics:
        metrics.append(kind="plan", total_steps=DONE, steps_per_epoch=2)
        metrics.append(kind="step", step=DONE, loss=1.0)
    checkpoints.commit(run.checkpoints, checkpoints.stage(run.checkpoints), {"step": DONE, "healthy": True})
    return run


@pytest.mark.parametrize("state", ["stopped", "finished"])
@pytest.mark.parametrize(
    ("settings", "key", "value"),
    [
        (["training.max_steps=10"], "training.max_steps", 3),
        (["training.max_steps=10"], "training.max_steps", DONE),
        (["training.epochs=5"], "training.epochs", 1.5),
        (["training.epochs=5"], "training.max_steps", 1),
    ],
)
def test_fewer_steps_than_were_done_are_refused(
    home: Path, state: str, settings: list[str], key: str, value: float
) -> None:
    run = at_rest(state, *settings)
    before = run.recipe_file.read_bytes()
    with pytest.raises(TuituneError) as refusal:
        launcher.resume(run, {key: value})
    assert str(refusal.value) == f"{key}: {value:g} leaves nothing to do: the run has already done 4 steps"
    assert run.recipe_file.read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"training.max_steps": DONE + 1},
        {"training.max_steps": None},
        {"training.epochs": 1.0},
        {"training.max_steps": None, "training.epochs": 1.0, "training.batch_size": 1},
        {"run.notes": "x"},
    ],
)
def test_other_changes_are_taken(home: Path, changes: dict[str, Any]) -> None:
    assert prepared(at_rest("stopped", "training.max_steps=10"), changes) == changes


def test_a_run_that_begins_anew_may_be_as_short_as_wanted(home: Path) -> None:
    assert prepared(create(Recipe()), {"training.max_steps": 1}) == {"training.max_steps": 1}


@pytest.mark.parametrize(
    ("settings", "changes", "advice"),
    [
        (["training.epochs=2"], {}, "it is finished; train longer: --set training.epochs=… (now 2)"),
        (["training.max_steps=4"], {}, "it is finished; train longer: --set training.max_steps=… (now 4)"),
        (
            ["training.max_steps=4"],
            {"training.epochs": 5.0},
            "it is finished; training.epochs has no effect while training.max_steps = 4; train longer: "
            "--set training.max_steps=… (now 4)",
        ),
    ],
)
def test_a_finished_run_is_told_what_gives_it_more_to_do(
    home: Path, settings: list[str], changes: dict[str, Any], advice: str
) -> None:
    with pytest.raises(TuituneError) as refusal:
        launcher.resume(at_rest("finished", *settings), changes)
    assert str(refusal.value).endswith(advice)


@pytest.mark.parametrize(
    ("settings", "changes", "said"),
    [
        (["training.max_steps=10"], {"training.epochs": 9.0}, True),
        (["training.max_steps=10"], {"training.epochs": 9.0, "training.max_steps": None}, False),
        (["training.max_steps=10"], {"training.max_steps": 12}, False),
        ([], {"training.epochs": 9.0}, False),
    ],
)
def test_epochs_that_decide_nothing_are_told(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    settings: list[str], changes: dict[str, Any], said: bool,
) -> None:  # fmt: skip
    """Also where the run goes on all the same, for it was stopped before its last step."""
    run = at_rest("stopped", *settings)
    monkeypatch.setattr(launcher, "resume", lambda run, changes: None)
    monkeypatch.setattr(launching, "look_over", lambda recipe, *, resumes: None)
    monkeypatch.setattr(resume, "follow_started", lambda run, options, after: 0)
    given = [f"{key}={'' if value is None else value}" for key, value in changes.items()]
    resume.resume(Namespace(run=run.name, overrides=given, detach=False))
    assert ("training.epochs has no effect while training.max_steps = 10" in capsys.readouterr().err) == said
