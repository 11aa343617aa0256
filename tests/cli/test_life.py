"""One run of the bundled model through everything that can be asked of it, from the command line alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TINY, start
from tests.runs.harness import wait_for
from tuitune.recipe.document import read
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.summary import summarize
from tuitune.runs.store.directory import find
from tuitune.runs.store.journal import last, read_all
from tuitune.runs.store.records.training import Step

SETTINGS = [
    "run.name=life",
    *TINY,
    "training.max_steps=100000",
    "training.schedule=constant",
    "training.warmup_ratio=0",
    "data.limit=60",
    "evaluation.answers=0",
    "evaluation.perplexity=false",
    "samples.max_new_tokens=4",
]


@pytest.mark.slow
def test_a_run_is_tuned_saved_measured_asked_paused_and_resumed(cli, home: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "life.toml"
    assert cli("new", *(part for value in SETTINGS for part in ("--set", value)), "-o", recipe).code == 0
    started = start("train", recipe, "--detach", home=home)
    run_id, err = started.communicate(timeout=120)
    assert started.returncode == 0, err
    run = find(run_id.strip())
    wait_for(lambda: last(run.metrics_file, Step), 120)

    def ask(*arguments: str) -> dict[str, Any]:
        answer = cli(*arguments, "--json")
        assert answer.code == 0, answer.err
        return json.loads(answer.out)

    tuned = ask("tune", "life", "learning_rate=1e-4", "log_every=2")["result"]
    assert tuned["changes"] == {"training.learning_rate": 1e-4, "training.log_every": 2}
    later = wait_for(lambda: (found := last(run.metrics_file, Step)) and found.step > tuned["from_step"] and found, 120)
    assert later.figure("learning_rate") == 1e-4

    saved = ask("checkpoint", "life")["result"]
    assert Path(saved["path"]).is_dir()
    assert saved["bytes"] > 100_000
    measured = ask("evaluate", "life")
    assert measured["result"]["loss"] > 0
    assert measured["result"]["step"] == measured["step"] > saved["step"]
    (answered,) = ask("sample", "life", "Where is my parcel [/b]?")["result"]
    assert answered["prompt"] == "Where is my parcel [/b]?"
    assert ask("sample", "life")["result"][0]["prompt"] == read(recipe).samples.prompts[0]

    paused = ask("pause", "life")
    step = paused["checkpoint"]
    assert (paused["state"], step >= paused["step"]) == ("paused", True)
    longer = f"training.max_steps={step + 3}"
    resumed = start("resume", "life", "--set", longer, home=home)
    out, err = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, err
    assert f"resumed from step {step}, exactly" in out
    assert re.search(rf"training\.max_steps\b.*\b{step + 3}\b", out)
    assert "perplexity" in out
    assert f"step {step:>6}/" not in out, "what the life before did was told then"
    assert "log_every" not in out, "what was tuned in the life before"

    summary = summarize(run)
    assert (summary.state, summary.step, summary.life, summary.exact) == ("finished", step + 3, 2, True)
    assert summary.adapter is not None
    assert last(run.metrics_file, Step).figure("learning_rate") == 1e-4
    trained = [record for record in read_all(run.metrics_file) if record["kind"] == "step"]
    first_rate = Recipe().training.learning_rate
    assert {first_rate, 1e-4} == {record["learning_rate"] for record in trained}
    assert all((record["learning_rate"] == first_rate) == (record["step"] < tuned["from_step"]) for record in trained)
    assert len(trained) == len({record["step"] for record in trained})
