"""data inspect: what it prints about sources, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import start
from tuitune.cli.task_progress import line
from tuitune.data.tasks import Progress

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ROW = {"q": "What is the capital of France?", "a": "Paris is the capital of France."}
KEYS = {
    *("path", "rows", "shape", "columns", "problems", "problem_count", "duplicates", "near_duplicates"),
    *("lengths", "trained_share"),
}


def written(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def test_roles_of_columns_are_taken_as_given(cli, tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", [ROW, ROW, {"q": "no answer"}, "{broken"])
    answer = cli("data", "inspect", path, "--columns", "prompt=q", "completion=a", "--json")
    found = json.loads(answer.out)
    assert answer.code == 0 and set(found) >= KEYS
    assert (found["shape"], found["columns"]) == ("columns", {"prompt": "q", "completion": "a"})
    assert (found["rows"], found["duplicates"], found["problem_count"]) == (4, 1, 2)
    assert [(one["row"], one["line"], one["field"]) for one in found["problems"]] == [(3, 3, "a"), (4, 4, "")]
    printed = cli("data", "inspect", path, "--columns", "prompt=q", "completion=a").out
    assert "1 (row 2 repeats 1)" in printed
    assert "2 (missing 1, unreadable 1)" in printed
    assert "row 3 (line 3), a: no such column" in printed
    assert "fit         50 % of the rows" in printed


def test_an_objective_that_cannot_take_the_shape_is_told_the_way_out(cli, tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", [{"question": "q?", "answer": "a."}])
    assert "dpo cannot train on this" in cli("data", "inspect", path, "--objective", "dpo").out
    assert "cannot train" not in cli("data", "inspect", path).out


@pytest.mark.parametrize("wrong", [["--columns", "prompt"], ["--columns", "=a"], ["--shape", "round"], []])
def test_wrong_options_are_refused(wrong: list[str], cli) -> None:
    answer = cli("data", "inspect", *(["bundled:triage", *wrong] if wrong else []))
    assert answer.code == 2 and answer.err and not answer.out


def test_lengths_and_trained_share_with_a_model(warm: None, cli, tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", [ROW] * 8)
    roles = ["--columns", "prompt=q", "completion=a"]
    answer = cli("data", "inspect", path, *roles, "--model", "bundled:nano", "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert 0 < found["trained_share"] < 1
    assert sum(found["lengths"]["counts"]) == 8


def test_nothing_but_the_answer_goes_to_a_pipe(tmp_path: Path) -> None:
    path = written(tmp_path / "rows\x1b[31m.jsonl", [ROW])
    process = start("data", "inspect", path, home=tmp_path / "home")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.startswith("path ") and "rows.jsonl: " not in out, "how far it is stands on standard error"
    assert "\x1b" not in out + err


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder of real data sets, ../shared/data, is not here")
def test_real_sets_are_counted(cli) -> None:
    answer = cli("data", "inspect", DATA / "alpaca_en_demo.json", DATA / "dpo_en_demo.json", "--json")
    counts = [(one["shape"], one["rows"], one["problem_count"], one["duplicates"]) for one in json.loads(answer.out)]
    assert answer.code == 0
    assert counts == [
        ("alpaca", 999, 0, 14),
        ("preference", 300, 0, 5),
    ]


def test_progress_in_words() -> None:
    assert line(Progress("working", "opening")) == "opening"
    assert line(Progress("working", "reading", 1_200_000_000, 3_400_000_000, "bytes")) == "reading 1.2 GB of 3.4 GB"
    assert line(Progress("working", "splitting", 12_000, None, "rows")) == "splitting 12,000 rows"
    assert "\x1b" not in line(Progress("working", "\x1b[31m", 1, None, "\x1b[2J"))
