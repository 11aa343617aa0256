"""What the looking verbs say of runs with several lives, from their journals alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run, create
from tuitune.runs.store.journal import JournalWriter

FIRST_LIFE = [
    {"kind": "plan", "total_steps": 4, "steps_per_epoch": 2},
    {"kind": "step", "step": 1, "loss": 3.0},
    {"kind": "eval", "step": 1, "loss": 2.9, "perplexity": 18.2, "rows": 8, "label": "during"},
    {"kind": "checkpoint", "step": 1, "path": "/x/step-000001", "bytes": 2_000_000, "seconds": 0.2, "healthy": True},
    {"kind": "step", "step": 2, "loss": 9.0},
    {"kind": "checkpoint", "step": 2, "path": "/x/step-000002", "bytes": 2_000_000, "seconds": 0.2, "healthy": True},
]
SKIPPED = {"path": "/x/step-000002", "reason": "optimizer.pt is missing"}
RESUMED = {"kind": "resumed", "step": 1, "checkpoint": "/x/step-000001", "exact": True, "reasons": [], "skipped": []}


@pytest.fixture
def lived():
    """Makes a run at rest in a state: its first life, and what the records given tell of its second."""

    def make(state: str, *second: dict[str, Any], **settings: str) -> Run:
        run = create(apply(Recipe(), ["run.name=twice", *(f"{key}={value}" for key, value in settings.items())]))
        with JournalWriter(run.events_file) as events:
            for number in (1, 2):
                events.append(event="supervisor", life=number, resumes=number > 1)
                ended = ("crashed", "the engine was killed by SIGKILL") if number == 1 else (state, "")
                events.append(event="ended", state=ended[0], reason=ended[1])
        with JournalWriter(run.metrics_file) as metrics:
            for record in (*FIRST_LIFE, *second):
                metrics.append(**record)
        return run

    return make


def test_a_paused_run_ends_the_following_and_says_how_to_go_on(lived, cli) -> None:
    run = lived("paused", RESUMED)
    answer = cli("follow", "twice")
    assert answer.code == 0
    assert f"tuitune resume {run.id}" in answer.err
    assert "resumed from step 1, exactly" in answer.out


def test_an_approximate_life_is_labelled_with_its_reason(lived, cli) -> None:
    reasons = ["torch was 2.12, is 2.13"]
    lived("stopped", {**RESUMED, "exact": False, "reasons": reasons, "skipped": [SKIPPED]})
    shown = cli("show", "twice").out
    assert "from step 1, approximately: torch was 2.12, is 2.13" in shown
    assert "step-000002: optimizer.pt is missing" in shown
    assert "resumed approximately" in cli("runs").out
    assert json.loads(cli("show", "twice", "--json").out)["exact"] is False


def test_what_a_later_life_does_again_counts_once(lived, cli) -> None:
    lived("stopped", RESUMED, {"kind": "step", "step": 2, "loss": 2.5})
    shown = cli("show", "twice").out
    assert "3.0000 → 2.5000" in shown
    assert "step 1  (step-000001, 2.0 MB)" in shown
    assert "2 of 4" in shown
    assert cli("plot", "twice").code == 0


def test_while_it_trains_the_newest_perplexity_is_told_with_its_step(lived, cli) -> None:
    base = {"kind": "eval", "step": 0, "loss": 4.0, "perplexity": 54.6, "rows": 8, "label": "base"}
    lived("paused", base, {**base, "step": 3, "perplexity": 12.5, "label": "during"})
    line = next(line for line in cli("show", "twice").out.splitlines() if line.startswith("perplexity"))
    assert "54.6" in line and "12.5" in line and "step 3" in line
    assert json.loads(cli("show", "twice", "--json").out)["perplexity"] == {"base": 54.6, "tuned": None}


def test_the_time_is_that_of_its_lives_where_they_told_it_and_of_a_run_at_rest(lived, cli) -> None:
    run = lived("crashed")
    assert "time           ended " in cli("show", "twice").out
    with JournalWriter(run.events_file) as events:
        for seconds in (90, 30):
            events.append(event="supervisor", life=3, resumes=True)
            events.append(event="slot", device="cpu", label="CPU")
            events.append(event="ended", state="stopped", reason="", seconds=seconds)
    assert "trained 2 m 00 s, ended " in cli("show", "twice").out
    assert json.loads(cli("show", "twice", "--json").out)["trained_seconds"] > 119
    with JournalWriter(run.events_file) as events:
        events.append(event="supervisor", life=4, resumes=True, identity=identity.current().as_record())
    run.owner_file.write_text(json.dumps(identity.current().as_record()))
    assert "ended " not in cli("show", "twice").out


def test_a_life_without_a_checkpoint_begins_anew(lived, cli) -> None:
    lived("stopped", {**RESUMED, "step": 0, "checkpoint": None})
    assert "from the beginning" in cli("show", "twice").out


def test_limits_are_shown(lived, cli) -> None:
    lived("stopped", **{"limits.hours": "2.5", "limits.until": "2026-12-24T08:00", "evaluation.patience": "3"})
    shown = cli("show", "twice").out
    assert "2.5 h of training, 2026-12-24T08:00, 3 evaluations without a lower held-out loss" in shown


def test_news_is_told_with_foreign_text_made_inert(lived, cli) -> None:
    run = lived(
        "failed",
        {**RESUMED, "exact": False, "reasons": ["\x1b]52;c;cHduZWQ=\x07"]},
        {"kind": "alert", "id": "plateau", "level": "warning", "message": "flat\x1b[2J: raise the learning rate"},
        {"kind": "tuned", "nonce": "n", "step": 1, "changes": {"samples.prompts": ["\x9b31m", "b"]}},
    )
    with JournalWriter(run.events_file) as events:
        events.append(event="retry", reason="out of memory \x1b]0;x\x07", step=1, batch_size=2, accumulation=4)
        events.append(event="amended", changes={"training.batch_size": {"from": 4, "to": 2}}, why="out of memory")
        events.append(event="silent", seconds=125)
        events.append(event="heard")
        events.append(event="notify-failed", message="\x1b[31mno such file")
        events.append(event="ended", state="failed", reason="\x1b[31mgone")
    answer = cli("follow", "twice")
    assert answer.code == 1
    for text in (
        "warning: flat␛[2J: raise the learning rate",
        "from step 2 on: samples.prompts = ",
        "retried: out of memory",
        "recipe changed (out of memory): training.batch_size 4 → 2",
        "nothing heard from the engine for 2 m 05 s",
        "the engine responds again",
        "the command of run.notify failed",
    ):
        assert text in answer.out
    everything = "".join(f"{one.out}{one.err}" for one in (answer, cli("show", "twice"), cli("runs")))
    assert not {"\x1b", "\x9b", "\x07"} & set(everything)


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": "resumed"},
        {"kind": "resumed", "step": "x", "checkpoint": 3, "reasons": 7, "skipped": [1, {}]},
        {"kind": "tuned", "changes": "none", "step": None},
        {"kind": "alert"},
        {"kind": "eval", "loss": "nan", "perplexity": None, "step": {}},
        {"kind": "checkpoint", "step": "one", "path": 3, "bytes": None},
    ],
)
def test_a_damaged_record_is_no_reason_to_fail(lived, cli, odd: dict[str, Any]) -> None:
    lived("stopped", odd)
    assert [cli(verb, "twice").code for verb in ("follow", "show", "plot")] == [0, 0, 0]
    assert cli("runs").code == 0
