"""A credential in the address of a data set: used to fetch it, and written nowhere but in the recipe."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TINY, start
from tests.runs.harness import wait_for
from tuitune.data.sources import web
from tuitune.data.sources.pages import read_page
from tuitune.runs.read.summary import summarize
from tuitune.runs.store.directory import find

SECRET = "0123456789abcdefSECRET"
ADDRESS = f"https://data.example.org/rows.jsonl?part=1&sig={SECRET}&se=2030"
ROWS = [{"instruction": f"What is {number}?", "output": f"It is {number}."} for number in range(12)]


@pytest.fixture(autouse=True)
def fetched(home: Path) -> None:
    """The data set as it would have been fetched a moment ago."""
    folder = web._folder(ADDRESS)
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    web._write_note(folder, {"name": "rows.jsonl", "url": "", "etag": None, "asked": time.time()})


def holders(*folders: Path) -> list[str]:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if SECRET.encode() in path.read_bytes()]


def test_looking_at_data_and_cleaning_it_leaves_none(cli, home: Path, tmp_path: Path) -> None:
    told = cli("data", "inspect", ADDRESS)
    assert told.code == 0 and "data.example.org/rows.jsonl?part=1" in told.out
    cleaned = cli("data", "clean", ADDRESS, "-o", tmp_path / "out.jsonl", "--report", tmp_path / "report.json")
    assert cleaned.code == 0 and len((tmp_path / "out.jsonl").read_text().splitlines()) == len(ROWS)
    refused = cli("data", "inspect", f"{ADDRESS}&x=1&token={SECRET}".replace("data.", "data.invalid."))
    assert refused.code != 0 and refused.err.count("data.invalid.") == 1
    for answer in (told, cleaned, refused):
        assert SECRET not in answer.out + answer.err
    assert holders(home, tmp_path) == []


def test_a_page_is_asked_for_without_a_word_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[list[str]] = []

    class Noted(subprocess.Popen[Any]):
        def __init__(self, command: list[str], **options: Any) -> None:
            begun.append(command)
            super().__init__(command, **options)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    assert [row.values for row in read_page(ADDRESS, first=3, count=2).rows] == ROWS[2:4]
    assert len(begun) == 1 and SECRET not in " ".join(begun[0])


@pytest.mark.slow
def test_a_run_that_is_detached_followed_and_stopped_keeps_it_in_its_recipe_alone(
    cli, home: Path, tmp_path: Path
) -> None:
    endless = ["training.max_steps=100000", "evaluation.answers=0", "evaluation.perplexity=false"]
    sets = [*TINY, *endless, f'data.train="{ADDRESS}"', "data.eval=0.2", "run.name=far"]
    assert cli("new", *[part for one in sets for part in ("--set", one)], "-o", tmp_path / "far.toml").code == 0
    started = start("train", tmp_path / "far.toml", "--detach", "--json", home=home)
    begun, told = started.communicate(timeout=120)
    assert started.returncode == 0, told
    run = find(json.loads(begun)["id"])

    followed = tmp_path / "followed"
    with followed.open("w") as output:
        watcher = start("follow", run.id, home=home, process_group=0, stdout=output, stderr=output)
    wait_for(lambda: "step" in followed.read_text(), 120)
    os.kill(watcher.pid, signal.SIGINT)
    assert watcher.wait(timeout=30) == 130
    assert summarize(run).state == "training"

    answer = cli("stop", run.id, "--json")
    stopped = json.loads(answer.out)
    assert (answer.code, stopped["state"]) == (0, "stopped"), answer.err
    assert 0 < stopped["step"] < 100000 and Path(stopped["adapter"]) == run.adapter
    assert "`https://data.example.org/rows.jsonl`, " in (run.adapter / "README.md").read_text()
    assert json.loads(run.data_file.read_text())["train"].startswith("https://data.example.org/rows.jsonl?part=1&")
    assert holders(home) == ["recipe.toml"]
    assert SECRET not in begun + told + followed.read_text() + answer.out + answer.err
