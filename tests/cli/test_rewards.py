"""rewards try: what a model's answers get before training, and what is refused before it is loaded."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tuitune.recipe.schema import Recipe
from tuitune.rewards import REWARDS
from tuitune.rewards.python_file import fingerprint
from tuitune.runs.store.directory import create
from tuitune.runs.store.journal import JournalWriter
from tuitune.views.run_list import RunList

pytestmark = pytest.mark.usefixtures("warm")
SOURCE = "def reward(completion):\n    return len(completion) % 3\n"


def recipe(folder: Path, *, approved: str = "", kind: str = "grpo") -> Path:
    (folder / "mine.py").write_text(SOURCE)
    rows = [{"prompt": f"How much is {number} plus 1?", "solution": str(number + 1)} for number in range(20)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = folder / "recipe.toml"
    file.write_text(
        '[model]\nid = "bundled:nano"\n[data]\ntrain = "rows.jsonl"\neval = ""\n'
        f'[objective]\nkind = "{kind}"\nanswer_length = 8\n'
        f'[rewards]\nweights = {{ python = 2, exact = 1 }}\nfile = "mine.py"\napproved = "{approved}"\n'
    )
    return file


def test_answers_are_shown_with_what_they_get(cli, tmp_path: Path) -> None:
    file = recipe(tmp_path, approved=fingerprint(SOURCE.encode()))
    answer = cli("rewards", "try", file, "--prompts", "3", "--answers", "4", "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    prompts = found["prompts"]
    assert len(prompts) == 3 and all(len(one["answers"]) == 4 for one in prompts)
    for prompt in prompts:
        assert prompt["question"].startswith("How much is") and prompt["expected"].isdecimal()
        for one in prompt["answers"]:
            assert one["rewards"]["python"] == len(one["text"]) % 3 and 0 < one["tokens"] <= 8
            assert one["reward"] == 2 * one["rewards"]["python"] + one["rewards"]["exact"]
        assert prompt["spread"] == (len({one["reward"] for one in prompt["answers"]}) > 1)
    assert found["spread"] == pytest.approx(sum(one["spread"] for one in prompts) / 3)
    printed = cli("rewards", "try", file, "--prompts", "3", "--answers", "4")
    assert "with spread" in printed.out and printed.out.count("How much is") >= 3


def test_a_file_is_shown_before_it_is_approved(cli, tmp_path: Path) -> None:
    answer = cli("rewards", "try", recipe(tmp_path))
    assert answer.code == 2 and SOURCE.splitlines()[1] in answer.err
    assert f'rewards.approved = "{fingerprint(SOURCE.encode())}"' in answer.err


def test_an_objective_without_rewards_is_named(cli, tmp_path: Path) -> None:
    answer = cli("rewards", "try", recipe(tmp_path, kind="sft"))
    assert answer.code == 2 and "grpo" in answer.err


def test_the_list_has_every_reward(cli) -> None:
    assert [one["name"] for one in json.loads(cli("rewards", "list", "--json").out)] == [*REWARDS]
    assert all(name in cli("rewards", "list").out for name in REWARDS)


def test_a_run_by_preferences_is_told_with_its_margin_in_training(cli, home: Path) -> None:
    run = create(Recipe.model_validate({"objective": {"kind": "dpo"}}))
    with JournalWriter(run.metrics_file) as metrics:
        for step in range(5):
            told = {"rewards/margins": step / 10, "rewards/accuracies": 0.5}
            metrics.append(kind="step", step=step + 1, loss=0.69, **told)
    told = dict(re.findall(r"^training (.+?) {2,}(\S+ .*?→ \S+)", cli("show", run.id).out, re.MULTILINE))
    assert told == {"loss": "0.6900 → 0.6900", "margin": "0 → 0.4000", "reward accuracy": "50 % → 50"}


@pytest.mark.parametrize("kind", ["grpo", "sft"])
def test_a_run_by_rewards_is_told_by_what_its_answers_were_worth(cli, home: Path, kind: str) -> None:
    recipe = {"objective": {"kind": kind}, "rewards": {"weights": {"json": 2, "exact": 1}}}
    run = create(Recipe.model_validate({"data": {"train": "bundled:tasks"}, **(recipe if kind != "sft" else {})}))
    with JournalWriter(run.metrics_file) as metrics:
        for step in range(10):
            worth = {"rewards/json/mean": step / 10, "rewards/exact/mean": 0.25, "reward": step / 5 + 0.25}
            metrics.append(kind="step", step=step + 1, loss=7.7 + step / 1000, **(worth if kind != "sft" else {}))
    shown, listed, [line] = cli("show", run.id).out, cli("runs").out, RunList().poll()
    if kind == "sft":
        assert "7.7000 → 7.7090" in shown and "7.7090" in listed and line.loss == pytest.approx(7.709) and line.losses
        return
    assert "7.7" not in shown.replace(run.id, "") + listed.replace(run.id, "")
    assert (line.loss, line.losses) == (None, ())
    drawn = dict(re.findall(r"^drawn (.+?) {2,}(\S+ → \S+)", shown, re.MULTILINE))
    assert drawn == {
        "reward": "0.3500 → 1.9500", "valid JSON": "0.0500 → 0.8500", "exact answers": "0.2500 → 0.2500",
    }  # fmt: skip
