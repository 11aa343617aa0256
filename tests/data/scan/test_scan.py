"""Scans as they are begun: a process that reads a source to its end, whatever is in it."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tuitune.data.scan import begin_scan, problems
from tuitune.data.scan.report import Inspection
from tuitune.data.sources.files import open_rows
from tuitune.data.sources.rows import SourceError, mark
from tuitune.data.tasks import Progress, Task
from tuitune.problem import TuituneError

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
PAIR = {"question": "How many apples are there?", "answer": "There are three apples on the table."}


def wait(task: Task) -> Progress:
    deadline = time.monotonic() + 60
    while (progress := task.look()).state == "working":
        assert time.monotonic() < deadline, progress
        time.sleep(0.01)
    return progress


def scanned(path: Path, **asked: Any) -> tuple[Inspection, Task]:
    task = begin_scan(path.name, base=path.parent, **asked)
    progress = wait(task)
    assert progress.result is not None, progress.error
    return Inspection.from_json(progress.result), task


def test_a_broken_line_never_stops_a_scan(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    hostile = {**PAIR, "answer": None, "\x1b[31m[red]": "\x1b]0;x\x07"}
    lines = [*map(json.dumps, [PAIR, PAIR, hostile, {"question": "no answer"}, {**PAIR, "answer": " "}]), "{x", "\x00"]
    path.write_text("\n".join(lines))
    found, task = scanned(path)
    assert (found.rows, found.shape, found.duplicates, found.duplicate_rows) == (7, "columns", 1, [(2, 1)])
    assert found.problem_kinds == {"missing": 2, "unreadable": 2, "empty": 1}
    assert found.share == pytest.approx(2 / 7)
    rows = list(open_rows(path))
    assert [(one.row, one.line, one.mark) for one in found.problems] == [
        (row.number, row.line, mark(row)) for row in rows[2:]
    ]
    assert not any("\x1b" in one.message or "\x00" in one.message for one in found.problems)
    assert not (task.folder / "fingerprints").exists()


def test_problems_are_paged_and_filtered(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{**PAIR, "answer": ""} if number % 2 else {"question": f"Number {number}"} for number in range(1_000)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in [PAIR, *rows]))
    found, task = scanned(path)
    assert len(found.problems) == 100 and found.problem_count == 1_000
    page, total = problems(task, first=990, count=200)
    assert total == 1_000 and [one.row for one in page] == list(range(992, 1_002))
    page, total = problems(task, first=1, count=2, kind="empty")
    assert total == 500 and [one.row for one in page] == [5, 7]
    assert problems(task, text="NO SUCH COLUMN")[1] == 500
    assert problems(task, text="nothing like it") == ([], 0)
    assert problems(task, kind="empty", text="answer")[1] == 500


def test_problems_of_a_scan_that_has_none_yet(tmp_path: Path) -> None:
    assert problems(Task(tmp_path)) == ([], 0)
    (tmp_path / "problems.jsonl").write_bytes(b'{"row": 1, "torn')
    assert problems(Task(tmp_path)) == ([], 0)


def test_a_scan_is_found_again_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(PAIR) + "\n")
    found, task = scanned(path)
    again = begin_scan(path.name, base=tmp_path)
    assert again.folder == task.folder and again.look().state == "done"
    path.write_text(json.dumps(PAIR) + "\n" + json.dumps({"question": "q"}) + "\n")
    changed, other = scanned(path)
    assert other.folder != task.folder and (changed.rows, found.rows) == (2, 1)


@pytest.mark.parametrize("kind", ["gz", "csv", "json", "folder"])
def test_every_kind_of_source_is_scanned(kind: str, tmp_path: Path) -> None:
    rows = [{**PAIR, "question": f"How many are {number}?"} for number in range(20)]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    makers: dict[str, Callable[[], Path]] = {
        "gz": lambda: _written(tmp_path / "rows.jsonl.gz", gzip.compress(lines.encode())),
        "csv": lambda: _written(
            tmp_path / "rows.csv",
            ("question,answer\n" + "".join(f"{r['question']},{r['answer']}\n" for r in rows)).encode(),
        ),
        "json": lambda: _written(tmp_path / "rows.json", json.dumps(rows).encode()),
        "folder": lambda: _written(tmp_path / "rows" / "a.jsonl", lines.encode()).parent,
    }
    found, _ = scanned(makers[kind]())
    assert (found.rows, found.shape, found.problem_count, found.sampled) == (20, "columns", 0, 20)
    assert found.characters["longest"] > found.answers["median"] > 0


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def test_what_gives_no_rows_is_refused_or_fails_in_words(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        begin_scan("missing.jsonl", base=tmp_path)
    (tmp_path / "utf16.jsonl").write_bytes('{"a": 1}\n'.encode("utf-16"))
    with pytest.raises(TuituneError, match="UTF-16"):
        progress = wait(begin_scan("utf16.jsonl", base=tmp_path))
        raise TuituneError(progress.error)


def test_a_cancelled_scan_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for number in range(150_000):
            file.write(json.dumps({"question": f"{number}" + "x" * 300, "answer": "y" * 300}) + "\n")
    others = psutil.Process(os.getpid()).children(recursive=True)
    task = begin_scan(path.name, base=tmp_path)
    deadline = time.monotonic() + 60
    while not (progress := task.look()).done:
        assert progress.state == "working" and time.monotonic() < deadline
        time.sleep(0.005)
    assert progress.unit == "bytes" and progress.total == path.stat().st_size
    family = [one for one in psutil.Process(os.getpid()).children(recursive=True) if one not in others]
    task.cancel()
    assert family and not psutil.wait_procs(family, timeout=10)[1]
    assert not task.folder.exists()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of real data sets, ../shared/data, is not here")
@pytest.mark.parametrize(
    ("name", "shape", "rows", "duplicates", "asked"),
    [
        ("gsm8k-train.jsonl", "columns", 7473, 0, {}),
        pytest.param("alpaca_en_demo.json", "alpaca", 999, 14, {}, marks=pytest.mark.slow),
        ("dpo_en_demo.json", "preference", 300, 5, {}),
        pytest.param("kto_en_demo.json", "unpaired-preference", 300, 0, {}, marks=pytest.mark.slow),
        (
            "dpo_en_demo.json",
            "columns",
            300,
            5,
            {"shape": "columns", "columns": {"prompt": "conversations", "completion": "chosen"}},
        ),
    ],
)
def test_real_sets_are_scanned(name: str, shape: str, rows: int, duplicates: int, asked: dict[str, Any]) -> None:
    found, _ = scanned(SHARED / name, **asked)
    assert (found.shape, found.rows, found.problem_count, found.duplicates) == (shape, rows, 0, duplicates)
    assert (found.share, len(found.duplicate_rows)) == (1.0, duplicates)
    assert max(found.languages, key=found.languages.__getitem__) == "en"
