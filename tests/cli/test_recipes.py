"""new, check and methods: recipes, and what they can choose, from the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tuitune.methods import METHODS
from tuitune.paths import shipped
from tuitune.problem import TuituneError
from tuitune.recipe import document
from tuitune.recipe.settings import settings
from tuitune.runs.located import read_located


def test_new_writes_a_recipe_that_reads_back(cli, tmp_path: Path) -> None:
    target = tmp_path / "mine.toml"
    answer = cli(
        "new", "--preset", "balanced", "--set", "training.learning_rate=1e-4", "--set", "run.name=faq", "-o", target
    )
    assert (answer.code, answer.out) == (0, "")
    recipe = document.read(target)
    assert (recipe.run.name, recipe.training.learning_rate, recipe.adapter.rank) == ("faq", 1e-4, 16)


def test_new_refuses_to_write_over_a_file_unless_told(cli, tmp_path: Path) -> None:
    target = tmp_path / "mine.toml"
    target.write_text("precious")
    assert cli("new", "-o", target).code == 2
    assert target.read_text() == "precious"
    assert cli("new", "-o", target, "--force").code == 0


def test_new_to_standard_output_is_a_recipe(cli, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(cli("new", "-o", "-").out)
    assert document.read(tmp_path / "r.toml")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.learning_rat=1", ["training.learning_rat", "learning_rate"]),
        ("adapter.rank=0", ["adapter.rank", "1"]),
        ("adapter.rank=many", ["adapter.rank", "many"]),
        ("nothing", ["KEY=VALUE"]),
        ("quantization.bits=5", ["quantization.bits", "16", "8", "4"]),
    ],
)
def test_a_wrong_setting_is_refused_by_name(cli, tmp_path: Path, override: str, words: list[str]) -> None:
    answer = cli("new", "--set", override, "-o", tmp_path / "r.toml")
    assert answer.code == 2
    assert all(word in answer.err for word in words), answer.err
    assert not (tmp_path / "r.toml").exists()


def test_check_lists_every_problem_at_once(cli, tmp_path: Path) -> None:
    recipe = tmp_path / "bad.toml"
    recipe.write_text('[adapter]\nrank = 0\nmethod = "none"\n[quantization]\nbits = 4\n[training]\nepochs = "three"\n')
    answer = cli("check", recipe)
    assert answer.code == 2
    assert all(key in answer.err for key in ("adapter.rank", "training.epochs", "quantization.bits"))


def test_check_json_has_the_contract_keys(cli, tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    cli("new", "-o", recipe)
    answer = cli("check", recipe, "--json")
    report = json.loads(answer.out)
    assert answer.code == 0
    assert {"errors", "advice", "trainable_parameters", "total_parameters", "forecast"} <= set(report)
    assert 0 < report["trainable_parameters"] < report["total_parameters"]


def test_check_names_a_missing_data_file(cli, tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    cli("new", "--set", f"data.train={tmp_path / 'nowhere.jsonl'}", "-o", recipe)
    answer = cli("check", recipe)
    assert answer.code == 2
    assert "nowhere.jsonl" in answer.out + answer.err


@pytest.mark.parametrize("verb", ["train", "check", "new"])
def test_help_explains_every_setting(cli, verb: str) -> None:
    answer = cli(verb, "--help")
    assert answer.code == 0
    assert all(setting.key in answer.out for setting in settings())


def test_a_recipe_that_is_not_there(cli, tmp_path: Path) -> None:
    answer = cli("train", tmp_path / "none.toml")
    assert answer.code == 2
    assert "none.toml" in answer.err


def test_usage_errors_exit_2(cli) -> None:
    assert cli("tran").code == 2
    assert cli("train").code == 2


@pytest.mark.parametrize(("file", "name"), [("faq.toml", "faq"), ("My Run!.toml", "my-run"), ("?!.toml", "my-run")])
def test_a_recipe_is_named_after_its_file(cli, tmp_path: Path, file: str, name: str) -> None:
    assert cli("new", "-o", tmp_path / file).code == 0
    assert document.read(tmp_path / file).run.name == name
    assert cli("new", "-o", tmp_path / file, "--force", "--set", "run.name=other").code == 0
    assert document.read(tmp_path / file).run.name == "other"


def test_check_says_when_memory_cannot_be_known(cli, tmp_path: Path) -> None:
    recipe = tmp_path / "hub.toml"
    cli("new", "--set", "model.id=acme/unknown-8b", "-o", recipe)
    answer = cli("check", recipe)
    assert answer.code == 0
    assert "not known before the model is on this machine" in answer.out
    assert "no problem found; whether it fits in memory is not known" in answer.out
    assert "ready to train" not in answer.out


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recipe whose paths are relative; the command runs in another one, which is empty."""
    folder = tmp_path / "project"
    (folder / "parts").mkdir(parents=True)
    lines = shipped("sample_data").joinpath("triage/train.jsonl").read_text().splitlines(keepends=True)
    for name, rows in (("parts/a.jsonl", lines[:20]), ("parts/b.jsonl", lines[20:40]), ("held.jsonl", lines[40:50])):
        (folder / name).write_text("".join(rows))
    (folder / "more.jsonl").write_text("".join(lines[50:60]))
    (folder / "chat.jinja").write_text("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
    (folder / "base").symlink_to(shipped("sample_data") / "nano")
    (folder / "r.toml").write_text(
        '[model]\nid = "./base"\n[data]\ntrain = "parts/*.jsonl"\neval = "held.jsonl"\nmix = {"more.jsonl" = 0.1}\n'
        'template = "chat.jinja"\nloss_on = "all"\n'
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return folder


@pytest.mark.usefixtures("warm")
def test_relative_paths_start_at_the_folder_of_the_recipe(cli, project: Path) -> None:
    recipe = read_located(project / "r.toml")
    named = [recipe.model.id, recipe.data.train, recipe.data.eval, *recipe.data.mix, recipe.data.template]
    assert named == [
        str(project / name) for name in ("base", "parts/*.jsonl", "held.jsonl", "more.jsonl", "chat.jinja")
    ]
    answer = cli("check", project / "r.toml", "--json")
    assert not json.loads(answer.out)["errors"]
    tokens = json.loads(cli("data", "tokens", "--recipe", os.path.relpath(project / "r.toml"), "--json").out)
    assert (tokens["rows"], tokens["held_out"]) == (44, 10)


def test_a_path_on_the_command_line_starts_at_the_current_folder(cli, project: Path) -> None:
    Path("own.jsonl").write_text((project / "held.jsonl").read_text() + (project / "more.jsonl").read_text())
    answer = cli("data", "clean", "own.jsonl", "--recipe", project / "r.toml", "-o", "clean.jsonl", "--json")
    assert (answer.code, json.loads(answer.out)["written"]) == (0, {str(Path("clean.jsonl").absolute()): 20})


def test_a_file_of_the_current_folder_is_not_taken_for_the_recipes(cli, project: Path) -> None:
    (project / "held.jsonl").rename("held.jsonl")
    Path("owner").mkdir()
    (Path("owner") / "model").symlink_to(project / "base")
    with pytest.raises(TuituneError) as refused:
        read_located(project / "r.toml")
    assert [problem.key for problem in refused.value.problems] == ["data.eval"]
    remedy = refused.value.problems[0].message.rpartition("write ")[2]
    assert read_located(project / "r.toml", replaced=["data.eval"])
    changed = (project / "r.toml").read_text().replace('"held.jsonl"', f'"{remedy}"')
    (project / "r.toml").write_text(changed)
    assert Path("held.jsonl").samefile(str(read_located(project / "r.toml").data.eval))
    (project / "r.toml").write_text(changed.replace("./base", "owner/model"))
    assert "model.id" in cli("check", project / "r.toml").err, "neither the Hub's model nor that of this folder"


@pytest.mark.usefixtures("warm")
def test_new_writes_paths_that_hold_where_the_recipe_lies(cli, project: Path) -> None:
    Path("own.jsonl").write_text((project / "held.jsonl").read_text())
    for folder, written in ((Path(), "own.jsonl"), (project, str(Path("own.jsonl").absolute()))):
        assert cli("new", "--set", "data.train=own.jsonl", "-o", folder / "n.toml").code == 0
        assert document.read(folder / "n.toml").data.train == written
        assert cli("check", folder / "n.toml").code == 0


def test_methods_say_what_they_do_not_go_with_and_why(cli) -> None:
    told = {one["name"]: one for one in json.loads(cli("methods", "--json").out)}
    assert told.keys() == METHODS.keys()
    assert "packing" in told["prefix"]["reasons"] and "packing" in told["vera"]["goes_with"]
    assert told["poly"]["works"] is False and "task" in told["poly"]["reason"]
    one = cli("methods", "prefix").out
    assert told["prefix"]["reasons"]["checkpointing"] in one
    assert told["poly"]["reason"] in cli("methods", "poly").out and told["poly"]["reason"] in cli("methods").out


def test_a_method_that_there_is_none_of_is_named(cli) -> None:
    refused = cli("methods", "nope")
    assert refused.code == 2 and "nope" in refused.err
