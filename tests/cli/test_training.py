"""train, show, runs, plot and log over a real run of the bundled model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Trained
from tuitune.runs.store.directory import list_runs
from tuitune.runs.store.journal import read_all

CONTRACT_KEYS = """
    id name directory state reason step total_steps epoch loss eval_loss perplexity tokens_per_second
    peak_memory_bytes started_at ended_at eta_seconds adapter recipe
"""


def test_train_in_a_pipe_prints_lines_and_a_summary(trained: Trained) -> None:
    printed = trained.printed
    assert printed.code == 0, printed.err
    for word in ("step", "4/4", "perplexity", "valid JSON", "adapter", "before", "after"):
        assert word in printed.out
    assert "\x1b" not in printed.out
    assert "[/red]" in printed.out


def test_the_result_is_an_adapter_of_two_peft_files(trained: Trained) -> None:
    (run,) = list_runs()
    names = {file.name for file in run.adapter.iterdir()}
    assert {name for name in names if name.startswith("adapter_")} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert not any(name.endswith((".bin", ".pt", ".pkl")) for name in names)


@pytest.mark.slow
def test_what_a_finished_run_says_of_its_use_runs_as_it_is_pasted(trained: Trained, cli, tmp_path: Path) -> None:
    """As told at the end of training and by `show`; the answer is what the run's own sample was."""
    code = trained.printed.out.split("Use it from Python:\n\n")[1]
    assert code.rstrip() in cli("show", "tiny").out
    pasted = tmp_path / "pasted.py"
    pasted.write_text(code.replace("max_new_tokens=256", "max_new_tokens=8, do_sample=False"))
    done = subprocess.run([sys.executable, str(pasted)], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (run,) = list_runs()
    told = [sample for sample in read_all(run.samples_file) if sample["label"] == "tuned"]
    assert done.stdout.strip() == told[0]["answer"].strip()


def test_show_and_runs_json_have_the_contract_keys(trained: Trained, cli) -> None:
    shown = json.loads(cli("show", "tiny", "--json").out)
    assert set(CONTRACT_KEYS.split()) <= set(shown)
    assert (shown["state"], shown["step"], shown["total_steps"]) == ("finished", 4, 4)
    assert shown["perplexity"]["base"] > 1
    assert Path(shown["adapter"]).is_dir()
    (listed,) = json.loads(cli("runs", "--json").out)
    assert listed == {key: value for key, value in shown.items() if key != "recipe"}


def test_a_run_is_found_by_id_prefix_directory_or_name(trained: Trained, cli) -> None:
    (run,) = list_runs()
    for reference in (run.id, run.id[:12], run.path.name, "tiny"):
        assert cli("show", reference).code == 0
    missing = cli("show", "nothing-like-it")
    assert missing.code == 2
    assert "nothing-like-it" in missing.err


def test_runs_table_show_log_plot_and_follow(trained: Trained, cli) -> None:
    assert "finished" in cli("runs").out
    shown = cli("show", "tiny").out
    assert "perplexity" in shown
    assert "[training]" in shown and "optimizer = " in shown
    assert "generations" not in shown and "virtual_tokens" not in shown  # nothing reads these
    assert cli("log", "tiny").code == 0
    assert len(cli("log", "tiny", "-n", "1").out.splitlines()) <= 1
    plot = cli("plot", "tiny").out
    assert "tiny: loss" in plot
    assert "\x1b" not in plot
    assert all(cli("plot", "tiny", "--metric", name).code == 0 for name in ("learning_rate", "learning rate", "lr"))
    assert "4/4" in cli("follow", "tiny").out


def test_stopping_an_ended_run_is_refused(trained: Trained, cli) -> None:
    answer = cli("stop", "tiny")
    assert answer.code == 2
    assert "finished" in answer.err


def test_a_refused_recipe_leaves_nothing_behind(cli, home: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    assert cli("new", "--set", "model.id=./no-such-model", "-o", recipe).code == 0
    answer = cli("train", recipe)
    assert answer.code == 2
    assert "model.id" in answer.err
    assert not list(home.glob("runs/*"))
