"""The report on a data file, on files made here, on what ships with tuitune, and on real ones."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tuitune.data.detect import recognise
from tuitune.data.purpose import refusal_of
from tuitune.data.scan.inspect import inspect
from tuitune.data.scan.report import LISTED
from tuitune.data.sources.bundled import MODELS, SETS, bundled_sets, data_path
from tuitune.data.sources.files import open_rows
from tuitune.data.sources.rows import SourceError
from tuitune.objectives import TRAINED
from tuitune.objectives.sft import SFT
from tuitune.paths import shipped
from tuitune.planning.checks.data import check_data
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.shapes import SHAPES

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
real = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of real data sets, ../shared/data, is not here")


def write(folder: Path, rows: list[Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


PAIR = {"question": "How many?", "answer": "Three."}


def test_a_report_names_what_is_wrong_by_row_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, [PAIR, "", {**PAIR, "answer": ""}, "{broken", {"text": "other"}, PAIR, [1]])
    found = inspect(path)
    assert (found.rows, found.shape, found.duplicates, found.problem_count) == (6, "columns", 1, 4)
    assert found.reason == "question and answer in 3 of 4 rows"
    problems = [(one.row, one.line, one.field) for one in found.problems]
    assert problems == [(2, 3, "answer"), (3, 4, ""), (4, 5, "question"), (6, 7, "")]


def test_the_report_as_json_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    document = json.loads(json.dumps(inspect(write(tmp_path, [PAIR, {"answer": "x"}])).as_json()))
    keys = {
        "path",
        "rows",
        "shape",
        "columns",
        "problems",
        "problem_count",
        "duplicates",
        "near_duplicates",
        "lengths",
        "trained_share",
    }
    assert keys <= set(document)
    assert {"row", "line", "field", "message"} <= set(document["problems"][0])
    assert document["columns"] == {"prompt": "question", "completion": "answer"}


def test_only_the_first_problems_are_listed_and_all_counted(tmp_path: Path) -> None:
    found = inspect(write(tmp_path, [PAIR] + [{"answer": "x", "n": n} for n in range(300)]), shape="columns")
    assert (len(found.problems), found.problem_count, found.rows) == (LISTED, 300, 301)


def test_shape_and_columns_can_be_given(tmp_path: Path) -> None:
    path = write(tmp_path, [{"q": "a", "a": "b", "text": "t"}] * 2)
    assert inspect(path).shape == "text"
    given = inspect(path, columns={"prompt": "q", "completion": "a"})
    assert (given.shape, given.problem_count) == ("columns", 0)
    assert inspect(path, columns={"text": "a"}).shape == "text"
    assert inspect(path, shape="alpaca").problem_count == 2


def test_rows_with_numbers_beyond_64_bits_are_compared_too(tmp_path: Path) -> None:
    row = '{"text": "a\tb", "n": ' + "9" * 30 + "}"
    assert inspect(write(tmp_path, [row, row])).duplicates == 1


def test_a_shape_that_cannot_be_trained_on_is_named_without_row_problems(tmp_path: Path) -> None:
    found = inspect(write(tmp_path, [{"prompt": "a", "chosen": "b", "rejected": "c"}]))
    assert (found.shape, found.problem_count) == ("preference", 0)


def test_a_file_of_broken_rows_alone_is_unknown(tmp_path: Path) -> None:
    found = inspect(write(tmp_path, ["{x", "x"]))
    assert (found.shape, found.problem_count) == ("unknown", 2)
    assert found.reason.startswith("no row can be read; row 1 (line 1): broken JSON")


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.txt"])
def test_a_file_in_another_encoding_is_told_by_one_piece_of_advice(tmp_path: Path, name: str) -> None:
    lines = ["prompt,completion"] * (name == "rows.csv") + ['"größer","als"'] * 12
    text = "\n".join(lines) if name != "rows.jsonl" else '{"text": "größer"}\n' * 12
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    found = inspect(tmp_path / name)
    (note,) = found.advice
    assert (found.rows, note["id"], note["level"]) == (12, "unreadable", "warning")
    assert "UTF-8 (byte 0xf6" in note["message"] and "iconv -f WINDOWS-1252" in note["message"]
    assert "data.columns" not in note["message"] and found.reason == note["message"]
    refused = check_data(Recipe.model_validate({"data": {"train": name}}), tmp_path).errors
    assert [(one.key, one.message) for one in refused] == [("data.train", note["message"])]


def test_bundled_sets_are_there_and_sound() -> None:
    shapes = {
        "triage": "messages",
        "style": "messages",
        "alpaca": "alpaca",
        "tasks": "columns",
        "prose": "text",
        "preferences": "preference",
        "feedback": "unpaired-preference",
    }
    assert set(SETS) == set(shapes)
    for one in SETS.values():
        assert SHAPES[shapes[one.name]].teaches == one.teaches
        assert one.title and one.help.endswith(".")
        found, held_out = inspect(data_path(one.id)), inspect(data_path(f"{one.id}/heldout"))
        assert found.shape == held_out.shape == shapes[one.name]
        assert found.problem_count == held_out.problem_count == 0
        assert one.rows == found.rows >= 500 and held_out.rows >= 50
        train = {json.dumps(row.values) for row in open_rows(one.train)}
        assert not any(json.dumps(row.values) in train for row in open_rows(one.heldout))


def test_a_bundled_set_is_offered_once_an_objective_can_be_trained_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuitune.data.sources.bundled.TRAINED", {"dpo": TRAINED["dpo"]})
    assert [one.name for one in bundled_sets()] == ["preferences"]
    assert data_path("bundled:feedback").is_file()


def test_bundled_names_that_do_not_exist() -> None:
    for name in ("bundled:none", "bundled:triage/other", "bundled:../triage", "bundled:"):
        with pytest.raises(TuituneError, match="bundled:triage, bundled:style"):
            data_path(name)


def test_bundled_models_have_folders() -> None:
    assert all((shipped("sample_data") / name / "config.json").is_file() for name in MODELS)


def test_a_set_that_was_not_shipped_has_no_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tuitune.data.sources.bundled.shipped", lambda name: tmp_path / name)
    assert type(bundled_sets()[0])("triage", "title", "help").rows == 0


@real
@pytest.mark.parametrize(
    ("name", "shape", "rows", "duplicates"),
    [
        ("gsm8k-train.jsonl", "columns", 7473, 0),
        ("alpaca_en_demo.json", "alpaca", 999, 14),
        ("dpo_en_demo.json", "preference", 300, 5),
        ("kto_en_demo.json", "unpaired-preference", 300, 0),
    ],
)
def test_real_sets_are_read(name: str, shape: str, rows: int, duplicates: int) -> None:
    start = time.monotonic()
    found = inspect(SHARED / name)
    assert time.monotonic() - start < 2
    assert (found.shape, found.rows, found.problem_count, found.duplicates) == (shape, rows, 0, duplicates)


@real
def test_preferences_can_be_trained_on_as_their_refusal_says() -> None:
    rows = list(open_rows(SHARED / "dpo_en_demo.json"))
    said = str(refusal_of(recognise(rows), SFT, rows[0].values))
    assert 'data.columns = { prompt = "conversations", completion = "chosen" }' in said
    found = inspect(
        SHARED / "dpo_en_demo.json", shape="columns", columns={"prompt": "conversations", "completion": "chosen"}
    )
    assert found.problem_count == 0
    with pytest.raises(SourceError):
        inspect(SHARED / "missing.json")


def test_numbers_that_become_text_and_what_nobody_reads_are_said(tmp_path: Path) -> None:
    rows = [{"question": "How much?", "answer": 4, "rationale": "2 and 2"}, {"question": "And?", "answer": "four"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = inspect(tmp_path / "rows.jsonl")
    said = {one["id"]: one for one in found.advice}
    assert "answer" in said["numbers"]["message"] and "row 1" in said["numbers"]["message"]
    assert "rationale" in said["unread"]["message"] and said["unread"]["level"] == "warning"
    assert found.problem_count == 0


@pytest.mark.parametrize(
    "row", [{"prompt": "a", "completion": "b"}, {"instruction": "a", "input": "", "output": "b"}, {"text": "a b"}]
)
def test_every_row_of_weight_0_is_counted(tmp_path: Path, row: dict[str, str]) -> None:
    rows = [row | {"id": number} | ({} if number % 3 else {"weight": 0}) for number in range(300)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert inspect(tmp_path / "rows.jsonl").problem_kinds == {"no-answer": 100}


HI, HELLO = {"role": "user", "content": "Hi there"}, {"role": "assistant", "content": "Oh hello"}
CALL = {"id": "c1", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "UTC"}'}}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "Who?", "context": "It was Tom.", "answer": "Tom"}, ["context"]),
        ({"question": "Which?", "choices": ["A", "B"], "answer": "B"}, ["choices"]),
        ({"prompt": "Double it", "input": 7, "response": "14"}, ["input"]),
        ({"prompt": "And now", "history": [["Hi", "Hello"]], "response": "Bye"}, ["history"]),
        ({"prompt": "Hi", "completion": "Hello", "system_message": "Brief"}, ["system_message"]),
        ({"prompt": "Hi", "completion": "Hello", "stage directions": "He bows low"}, ["stage directions"]),
        ({"text": "Once upon a time", "tools": [{"name": "clock"}]}, ["tools"]),
        ({"messages": [HI, HELLO], "documents": [{"body": "x"}], "mask": "User"}, ["documents", "mask"]),
        ({"messages": [HI, HELLO], "weight": 0.5}, ["weight"]),
        ({"messages": [{**HI, "tool_calls": [CALL]}, HELLO]}, ["messages: tool_calls"]),
        ({"messages": [HI, {**HELLO, "refusal": "No."}]}, ["messages: refusal"]),
        ({"messages": [HI, {**HELLO, "reasoning_details": [{"text": "Hm"}]}]}, ["messages: reasoning_details"]),
        ({"messages": [HI, {**HELLO, "train_detail": [{"begin": 0, "train": False}]}]}, ["messages: train_detail"]),
        (
            {"messages": [HI, {**HELLO, "tool_calls": [CALL], "function_call": {"name": "map", "arguments": "{}"}}]},
            ["messages: function_call"],
        ),
        ({"prompt": "Hi", "chosen": "Hello", "rejected": "No", "context": "A party"}, ["context"]),
        ({"messages": [HI, HELLO], "prompt": "Hi there", "prompt_id": "a b", "source": "a web page"}, []),
        ({"messages": [HI, {**HELLO, "tool_calls": [CALL], "function_call": CALL["function"]}]}, []),
        ({"instruction": "Add it", "input": "1 2", "output": "It is 3", "text": "Add it\n# 1 2\n# It is 3"}, []),
        ({"instruction": "Add it", "input": "1 2", "response": "It is 3"}, []),
        ({"question": "Who?", "answer": "Tom", "score": 3, "category": "open qa", "metadata": {"by": "a b"}}, []),
    ],
)
def test_all_that_is_not_read_is_said_and_nothing_else(tmp_path: Path, row: dict[str, Any], said: list[str]) -> None:
    plain = {name: value for name, value in row.items() if not said or name not in said}
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in [plain] * 60 + [row] * 3))
    found = inspect(tmp_path / "rows.jsonl")
    unread = [one["message"] for one in found.advice if one["id"] == "unread"]
    assert found.problem_count == 0
    assert [one.partition(" is not read")[0] for one in unread] == said
