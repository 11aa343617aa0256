"""`data clean`, `data convert` and `data split` on real files: what is written, what is told, what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from tuitune.data.preparation.writing import part_of
from tuitune.data.tasks import Task

pytestmark = pytest.mark.usefixtures("warm")

SHARED = Path(__file__).resolve().parents[3] / "shared/data"
LONG = "An answer that says something."
ROWS: list[dict[str, Any]] = [
    {"id": 1, "question": "What is a hull?  \r\n", "answer": f"{LONG} 1"},
    {"id": 2, "question": "Who keeps the light?", "answer": f"{LONG} 2"},
    {"id": 3, "question": "Who keeps the light?", "answer": f"{LONG} 2"},
    {"id": 4, "question": "Why?", "answer": ""},
    {"id": 5, "question": "Where?"},
]


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    path = tmp_path / "talks.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_clean_writes_the_rows_that_are_left_in_their_own_shape(cli, talks: Path, tmp_path: Path, home: Path) -> None:
    before, out, report = talks.read_bytes(), tmp_path / "clean.jsonl", tmp_path / "report.json"
    answer = cli("data", "clean", talks, "-o", out, "--report", report)
    assert answer.code == 0, answer.err
    assert lines(out) == [{**ROWS[0], "question": "What is a hull?"}, ROWS[1]]
    assert "duplicates: row 3 (line 3): equals row 2 (line 2)" in answer.err
    steps = {one["step"]: one for one in json.loads(report.read_text())["steps"]}
    assert {name: (one["dropped"], one["changed"]) for name, one in steps.items()} == {
        "unusable": (1, 0),
        "empty": (1, 0),
        "whitespace": (0, 1),
        "duplicates": (1, 0),
    }
    assert talks.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("ending", [".json", ".csv", ".tsv", ".parquet"])
def test_the_ending_names_the_format(ending: str, cli, talks: Path, tmp_path: Path, home: Path) -> None:
    out = tmp_path / f"clean{ending}"
    answer = cli("data", "clean", talks, "-o", out, "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["written"] == {str(out): 2}
    if ending == ".json":
        found = json.loads(out.read_text())
    elif ending == ".parquet":
        found = pyarrow.parquet.read_table(out).to_pylist()
    else:
        with out.open(newline="") as file:
            found = list(csv.DictReader(file, delimiter="," if ending == ".csv" else "\t"))
    assert [(str(row["id"]), row["question"]) for row in found] == [
        ("1", "What is a hull?"),
        ("2", "Who keeps the light?"),
    ]


def test_steps_are_set_one_by_one_or_by_a_recipe(cli, talks: Path, tmp_path: Path, home: Path) -> None:
    recipe, out = tmp_path / "recipe.toml", tmp_path / "clean.jsonl"
    recipe.write_text('[cleaning]\nunusable = "drop"\n')
    assert cli("data", "clean", talks, "-o", out, "--recipe", recipe).code == 0
    assert lines(out) == ROWS[:3]
    answer = cli("data", "clean", talks, "-o", out, "--recipe", recipe, "--force", "--set", "cleaning.duplicates=true")
    assert answer.code == 0
    assert lines(out) == ROWS[:2]


def test_what_is_there_is_not_written_over(cli, talks: Path, tmp_path: Path, home: Path) -> None:
    there, before = tmp_path / "there.jsonl", talks.read_bytes()
    there.write_text("mine\n")
    linked = tmp_path / "linked.jsonl"
    linked.symlink_to(talks)
    for out, said in ((there, "--force"), (talks, "never changed in place"), (linked, "never changed in place")):
        answer = cli("data", "clean", talks, "-o", out)
        assert (answer.code, answer.out) == (2, "")
        assert said in answer.err
    assert "never changed in place" in cli("data", "clean", talks, "-o", talks, "--force").err
    assert (there.read_text(), talks.read_bytes()) == ("mine\n", before)
    assert cli("data", "clean", talks, "-o", there, "--force").code == 0
    assert len(lines(there)) == 2


def test_a_report_goes_neither_over_the_data_nor_over_the_rows(cli, talks: Path, tmp_path: Path, home: Path) -> None:
    before, out = talks.read_bytes(), tmp_path / "out.jsonl"
    for report, said in (
        (talks, "never changed in place"),
        (out, "where the rows are written"),
        (tmp_path / "no/r", "folder"),
    ):
        answer = cli("data", "clean", talks, "-o", out, "--report", report, "--force")
        assert (answer.code, said in answer.err) == (2, True)
    assert talks.read_bytes() == before and not out.exists()


def test_what_an_interrupted_process_left_is_removed(cli, talks: Path, tmp_path: Path, home: Path, monkeypatch) -> None:
    def interrupted(task: Task, name: str) -> None:
        wanted = json.loads((task.folder / "wanted.json").read_text())
        task.cancel()
        part_of(tmp_path / "out.jsonl", wanted["once"]).write_text("half a row")
        raise KeyboardInterrupt

    monkeypatch.setattr("tuitune.cli.verbs.data.preparation.result_of", interrupted)
    assert cli("data", "clean", talks, "-o", tmp_path / "out.jsonl").code == 130
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["talks.jsonl"]


def test_columns_that_only_later_rows_have_are_written_too(cli, tmp_path: Path, home: Path) -> None:
    rows = [{"question": "Why?", "answer": "So."}, {"question": "How?", "answer": "Thus.", "note": "mine"}]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert cli("data", "clean", path, "-o", tmp_path / "out.parquet").code == 0
    assert cli("data", "clean", path, "-o", tmp_path / "out.csv").code == 0
    assert pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pylist()[1] == rows[1]
    assert (tmp_path / "out.csv").read_text().splitlines() == ["question,answer,note", "Why?,So.,", "How?,Thus.,mine"]


def test_preferences_are_cleaned_and_split_in_their_shape(cli, tmp_path: Path, home: Path) -> None:
    pairs = [{"prompt": f"Why {'so ' * n}late? ", "chosen": f"So {n}.", "rejected": f"No {n}."} for n in range(9)]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in [*pairs, pairs[0]]))
    assert cli("data", "clean", path, "-o", tmp_path / "out.jsonl").code == 0
    assert [(row["chosen"], set(row)) for row in lines(tmp_path / "out.jsonl")] == [
        (row["chosen"], {"prompt", "chosen", "rejected"}) for row in pairs
    ]
    answer = cli("data", "split", tmp_path / "out.jsonl", "--eval", 0.3, "-o", tmp_path / "sides", "--json")
    assert sum(json.loads(answer.out)["written"].values()) == 9


def test_over_long_rows_are_said_to_stay(cli, talks: Path, tmp_path: Path, home: Path) -> None:
    answer = cli("data", "clean", talks, "-o", tmp_path / "out.jsonl", "--set", "cleaning.too_long=drop")
    assert (answer.code, "over-long rows are kept" in answer.err) == (0, True)
    answer = cli("data", "clean", talks, "-o", tmp_path / "two.jsonl", "--set", "cleaning.control_tokens=remove")
    assert (answer.code, "control tokens are kept" in answer.err) == (0, True)


@pytest.mark.parametrize(
    ("out", "said"),
    [("rows.xlsx", "rows are written as .jsonl"), ("none/rows.jsonl", "no such folder"), ("folder.jsonl", "a folder")],
)
def test_a_file_that_cannot_be_written(out: str, said: str, cli, talks: Path, tmp_path: Path, home: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    answer = cli("data", "clean", talks, "-o", tmp_path / out)
    assert answer.code == 2
    assert said in answer.err


def test_rows_that_no_step_drops_are_refused_by_name(cli, talks: Path, tmp_path: Path, home: Path) -> None:
    answer = cli("data", "convert", talks, "-o", tmp_path / "out.jsonl")
    assert answer.code == 2
    assert "unusable as columns: 2 of 5 rows: row 4 (line 4): answer: is empty; row 5 (line 5)" in answer.err
    assert not (tmp_path / "out.jsonl").exists()


def test_lists_do_not_fit_into_a_table(cli, tmp_path: Path, home: Path) -> None:
    out, chats = tmp_path / "out.csv", tmp_path / "chats.jsonl"
    turns = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    chats.write_text(json.dumps({"messages": turns}) + "\n")
    answer = cli("data", "clean", chats, "-o", out)
    assert answer.code == 2
    said = f"{out}: row 1, messages: a list does not fit into a table of text; write .jsonl or .parquet"
    assert answer.err == f"tuitune: {chats}: {said}\n"
    assert not out.exists()


@pytest.mark.parametrize("name", ["out.csv", "out.tsv"])
def test_a_question_and_its_answer_are_plain_text_in_a_table(cli, tmp_path: Path, home: Path, name: str) -> None:
    out, rows = tmp_path / name, tmp_path / "alpaca.jsonl"
    rows.write_text(json.dumps({"instruction": "Why?", "input": "", "output": "So."}) + "\n")
    assert cli("data", "convert", rows, "-o", out, "--to", "prompt-completion").code == 0
    separator = "," if name == "out.csv" else "\t"
    assert out.read_text() == f"prompt{separator}completion\nWhy?{separator}So.\n"


def test_a_longer_conversation_does_not_fit_into_a_table(cli, tmp_path: Path, home: Path) -> None:
    rows = tmp_path / "alpaca.jsonl"
    rows.write_text(json.dumps({"instruction": "Why?", "input": "", "output": "So.", "system": "Be brief."}) + "\n")
    answer = cli("data", "convert", rows, "-o", tmp_path / "out.csv", "--to", "prompt-completion")
    assert answer.code == 2
    assert "out.csv: row 1, prompt: a list does not fit into a table of text" in answer.err


def test_help_names_what_is_done_unasked(cli) -> None:
    said = " ".join(cli("data", "clean", "--help").out.split())
    assert "drops unusable, empty and repeated rows and tidies white space" in said


def test_convert_to_what_training_takes(cli, talks: Path, tmp_path: Path, home: Path) -> None:
    drop = ("--set", "cleaning.unusable=drop", "--force")
    out = tmp_path / "out.jsonl"
    asked, said = {"role": "user", "content": ROWS[1]["question"]}, {"role": "assistant", "content": f"{LONG} 2"}
    assert cli("data", "convert", talks, "-o", out, *drop).code == 0
    assert lines(out)[1] == {"messages": [asked, said]}
    assert cli("data", "convert", out, "-o", out.with_name("pc.jsonl"), "--to", "prompt-completion").code == 0
    assert lines(out.with_name("pc.jsonl"))[1] == {"prompt": [asked], "completion": [said]}
    answer = cli("data", "convert", talks, "-o", out, "--to", "preference", *drop)
    assert answer.code == 2
    assert "expected prompt, chosen and rejected" in answer.err
    answer = cli("data", "convert", talks, "-o", out, "--to", "text", *drop)
    assert answer.code == 2
    assert "row 1 (line 1): a conversation cannot be written as text" in answer.err


def test_each_answer_becomes_a_row_that_learns_it_alone(cli, tmp_path: Path, home: Path) -> None:
    asked, said = [{"role": "user", "content": f"{n}?"} for n in range(3)], [f"{n}." for n in range(3)]
    answers = [{"role": "assistant", "content": one, "reasoning_content": "Hm."} for one in said]
    answers[1]["weight"] = 0
    talks, out = tmp_path / "talks.jsonl", tmp_path / "out.jsonl"
    turns = [turn for pair in zip(asked, answers, strict=True) for turn in pair]
    talks.write_text(json.dumps({"messages": turns}) + "\n" + json.dumps({"messages": turns[:2]}) + "\n")
    assert cli("data", "convert", talks, "-o", out, "--per-answer").code == 0
    first, last, other = (row["messages"] for row in lines(out))
    assert first == other == turns[:2] and [turn.get("weight") for turn in last] == [None, 0, None, 0, None, None]
    assert [turn["content"] for turn in last] == [turn["content"] for turn in turns]
    assert cli("data", "convert", talks, "-o", out, "--force").code == 0 and len(lines(out)) == 2


def test_a_pair_becomes_a_good_and_a_bad_answer(cli, tmp_path: Path, home: Path) -> None:
    pairs, out = tmp_path / "pairs.jsonl", tmp_path / "out.jsonl"
    pairs.write_text(json.dumps({"prompt": "Why?", "chosen": "So.", "rejected": "No."}) + "\n")
    assert cli("data", "convert", pairs, "-o", out, "--to", "unpaired-preference").code == 0
    assert [(row["completion"], row["label"]) for row in lines(out)] == [("So.", True), ("No.", False)]


def test_split_parts_the_rows_the_same_way_whatever_their_order(cli, tmp_path: Path, home: Path) -> None:
    rows = [{"question": f"What is {chr(97 + n % 26) * 3} {n * 7919}?", "answer": f"It is {n}."} for n in range(40)]
    sides = []
    for name, ordered in (("one", rows), ("other", rows[::-1])):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in ordered))
        assert cli("data", "split", path, "--eval", 0.25, "-o", tmp_path / name / "deep").code == 0
        train, held_out = (lines(tmp_path / name / "deep" / f"{side}.jsonl") for side in ("train", "heldout"))
        assert len(train) + len(held_out) == 40
        assert all(row in rows and row not in held_out for row in train)
        sides.append({row["answer"] for row in held_out})
    assert sides[0] == sides[1]
    assert len(sides[0]) == 10
    answer = cli("data", "split", tmp_path / "one.jsonl", "-o", tmp_path / "one/deep")
    assert (answer.code, "--force" in answer.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "to", "written"),
    [
        ("alpaca_en_demo.json", "messages", 999),
        ("gsm8k-train.jsonl", "messages", 7473),
        ("dpo_en_demo.json", "preference", 300),
        ("kto_en_demo.json", "unpaired-preference", 300),
    ],
)
def test_real_sets_are_converted_without_a_hint(
    name: str, to: str, written: int, cli, tmp_path: Path, home: Path
) -> None:
    if not (SHARED / name).is_file():
        pytest.skip(f"{SHARED / name} is not on this machine")
    answer = cli("data", "convert", SHARED / name, "-o", tmp_path / "out.jsonl", "--to", to, "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["written"] == {str(tmp_path / "out.jsonl"): written}


def test_split_and_convert_go_by_a_recipe(cli, tmp_path: Path, home: Path) -> None:
    path, recipe = tmp_path / "rows.jsonl", tmp_path / "r.toml"
    rows = [{"q": f"What is {number}?", "a": f"{number} it is."} for number in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"q": "", "a": "x"}]))
    recipe.write_text(
        f'[data]\ntrain = "{path}"\neval = 0.4\ncolumns = {{ prompt = "q", completion = "a" }}\n'
        '[cleaning]\nunusable = "drop"\n[run]\nseed = 7\n'
    )
    assert cli("data", "split", path, "--recipe", recipe, "-o", tmp_path / "sides").code == 0
    assert (len(lines(tmp_path / "sides/train.jsonl")), len(lines(tmp_path / "sides/heldout.jsonl"))) == (12, 8)
    assert cli("data", "split", path, "--recipe", recipe, "--eval", 0.1, "-o", tmp_path / "other").code == 0
    assert len(lines(tmp_path / "other/heldout.jsonl")) == 2
    assert cli("data", "convert", path, "--recipe", recipe, "-o", tmp_path / "chat.jsonl").code == 0
    assert lines(tmp_path / "chat.jsonl")[0]["messages"][0] == {"role": "user", "content": "What is 0?"}
