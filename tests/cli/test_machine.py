"""models, gpus, doctor and data inspect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import start
from tests.runs.harness import acquire
from tests.runs.queue.contenders import new_run
from tuitune.cli.doctor import gpu_findings
from tuitune.runs.queue.slots import SlotHolder


def test_models_lists_the_bundled_model(cli) -> None:
    models = json.loads(cli("models", "--json").out)
    nano = next(model for model in models if model["id"] == "bundled:nano")
    assert 2e6 < nano["parameters"] < 6e6
    assert "bundled:nano" in cli("models").out


def test_gpus_is_json_whether_there_is_one_or_not(cli) -> None:
    answer = cli("gpus", "--json")
    assert answer.code == 0
    assert isinstance(json.loads(answer.out), list)
    plain = cli("gpus")
    assert plain.code == 0
    assert plain.out or "no GPU" in plain.err


def test_runs_that_share_the_cpu_are_listed_as_its_holders(cli) -> None:
    held = [acquire(new_run(name), "cpu", share=share) for name, share in (("one", False), ("two", True))]
    found = json.loads(cli("queue", "--json").out)["holders"]
    assert [(one["label"], one["name"]) for one in found] == [("CPU", "one"), ("CPU", "two")]
    for one in held:
        assert isinstance(one, SlotHolder)
        one.release()


def test_doctor_finds_this_machine_ready(cli) -> None:
    answer = cli("doctor", "--json")
    findings = json.loads(answer.out)
    assert answer.code == 0, [finding for finding in findings if finding["level"] == "error"]
    found = {finding["subject"] for finding in findings}
    assert {"torch", "peft", "home folder", "torch on GPU", "device leases"} <= found
    assert found & {"runs", "ends at logout", "container", "slurm", "memory limit", "cpu time"}


def test_doctor_says_when_the_home_cannot_be_written(cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TUITUNE_HOME", str(tmp_path / "file" / "home"))
    torch = {"version": "2.13.0", "cuda": None, "architectures": [], "devices": 0, "error": "", "threads": 2}
    monkeypatch.setattr(gpu_findings, "probe", lambda: torch)
    answer = cli("doctor")
    assert answer.code == 1
    assert "home folder" in answer.out


def test_inspect_counts_rows_and_names_problem_rows(cli, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    good = '{"instruction": "Say hi", "input": "", "output": "Hi, how are you?"}\n'
    data.write_text(good * 3 + "{broken\n" + good)
    answer = cli("data", "inspect", data, "--json")
    report = json.loads(answer.out)
    assert answer.code == 0
    assert (report["shape"], report["rows"], report["problem_count"]) == ("alpaca", 5, 1)
    assert report["problems"][0]["row"] == 4
    assert "row 4" in cli("data", "inspect", data).out


def test_inspect_refuses_what_it_cannot_read_and_shows_the_rest(cli, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    answer = cli("data", "inspect", empty, "bundled:triage")
    assert answer.code == 2
    assert "empty.jsonl" in answer.err
    assert "messages" in answer.out


def test_hostile_text_comes_out_inert(cli, tmp_path: Path) -> None:
    data = tmp_path / "evil.csv"
    data.write_text("a\x1b]0;PWNED\x07b,c\n1,2\n")
    answer = cli("data", "inspect", data)
    assert "\x1b" not in answer.out + answer.err


def test_without_a_terminal_the_screen_names_the_commands(tmp_path: Path) -> None:
    process = start(home=tmp_path)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "tuitune runs" in err
    assert out == ""


def test_output_into_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    process = start("train", "--help", home=tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=30) in (0, 1, 120)
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
