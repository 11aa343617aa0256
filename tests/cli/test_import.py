"""`tuitune import`: an account of every key, and a recipe that `check` takes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.recipe.importing.configurations import AXOLOTL
from tuitune.planning import preflight
from tuitune.recipe import document

OURS = """
base_model: bundled:nano
adapter: lora
lora_r: 8
lora_alpha: 16
lora_target_linear: true
datasets: [{path: rows.jsonl, type: alpaca}]
sequence_len: 256
val_set_size: 0.25
max_steps: 4
learning_rate: 1e-3
deepspeed: zero2.json
"""


def test_a_configuration_becomes_a_recipe_that_can_start(cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    row = {"instruction": "Say yes.", "input": "", "output": "Yes, of course."}
    Path("rows.jsonl").write_text("".join(json.dumps(row | {"input": str(number)}) + "\n" for number in range(20)))
    Path("ours.yml").write_text(OURS)
    answer = cli("import", "ours.yml", "-o", "recipes.toml")
    assert answer.code == 0
    for words in ("carried over", "adapter.rank = 8", "cannot be", "deepspeed", "training.max_grad_norm"):
        assert words in answer.out
    recipe = document.read("recipes.toml")
    assert (recipe.run.name, recipe.adapter.rank, recipe.data.train) == ("recipes", 8, "rows.jsonl")
    assert preflight.check(recipe, base=tmp_path, online=False).errors == []
    assert cli("import", "ours.yml", "-o", "recipes.toml").code == 2


def test_a_recipe_elsewhere_finds_the_data_of_here(cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ours.yml").write_text(OURS)
    Path("away").mkdir()
    assert cli("import", "ours.yml", "-o", "away/r.toml").code == 0
    assert document.read("away/r.toml").data.train == str(tmp_path / "rows.jsonl")


def test_the_json_document_has_every_list(cli, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(AXOLOTL + "wandb_project: mine\n")
    answer = cli("import", tmp_path / "config.yml", "--json")
    report = json.loads(answer.out)
    assert answer.code == 0
    assert report["from"] == "axolotl" and report["errors"] == []
    assert report["recipe"]["adapter"]["rank"] == 24
    assert [one["key"] for one in report["cannot_be"]] == ["wandb_project"]
    assert {"carried", "changed", "defaults"} <= report.keys()


def test_a_refusal_has_its_reason_and_exits_2(cli, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(AXOLOTL + "rl: ebft\n")
    answer = cli("import", tmp_path / "config.yml", "-o", tmp_path / "r.toml", "--json")
    assert answer.code == 2
    assert "rl" in answer.err and "ebft" in answer.err and "line" in answer.err
    assert json.loads(answer.out)["recipe"] is None
    assert not (tmp_path / "r.toml").exists()


def test_standard_output_is_the_recipe_alone(cli, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(AXOLOTL)
    answer = cli("import", tmp_path / "config.yml", "-o", "-", "--set", "training.epochs=9")
    (tmp_path / "r.toml").write_text(answer.out)
    assert document.read(tmp_path / "r.toml").training.epochs == 9
    assert "changed" in answer.err


def test_a_named_trainer_is_taken_at_its_word(cli, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(AXOLOTL.replace("bf16: auto", ""))
    answer = cli("import", tmp_path / "config.yml", "--from", "llamafactory")
    assert answer.code == 2
    assert "names no base model" in answer.err
