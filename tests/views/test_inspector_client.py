"""The client of the engine's inspector, against a stand-in that speaks its protocol and misbehaves on request."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.tui.payloads import CONTROL_PAYLOADS
from tests.views.stand_in_inspector import COMMAND
from tuitune.problem import TuituneError
from tuitune.recipe.schema import Recipe
from tuitune.views.inspector_client import Inspector

RECIPE = Recipe.model_validate({"data": {"max_length": 64}})


@pytest.fixture
def inspector() -> Iterator[Inspector]:
    with Inspector(command=COMMAND) as found:
        yield found


def child_of(inspector: Inspector) -> int:
    assert inspector._process is not None
    return inspector._process.pid


def test_a_tokenizer_and_a_row_are_told_of(inspector: Inspector, tmp_path: Path) -> None:
    opening = inspector.open(RECIPE, tmp_path)
    assert (opening.name, opening.vocabulary) == ("stand-in", 32_000)
    assert opening.special == {"bos": "<s>", "eos": "</s>"}
    assert (opening.template, opening.marked) == ("tokenizer", "own")
    assert [verdict.level for verdict in opening.verdicts] == ["ok", "ok"]

    row = inspector.row({"text": "user: hi\nassistant: Good day."}, 7)
    assert [token.text for token in row.tokens if token.learned] == [" Good", " day", ".", "</s>"]
    assert [token.text for token in row.tokens if token.special] == ["<s>", "</s>"]
    assert row.trained == 4
    assert row.kept == len(row.tokens) == 10


def test_what_is_cut_off_is_not_trained_and_comes_with_a_fix(inspector: Inspector, tmp_path: Path) -> None:
    inspector.open(Recipe.model_validate({"data": {"max_length": 8}}), tmp_path)
    row = inspector.row({"text": "user: hi\nassistant: one two three four"}, 1)
    assert (len(row.tokens), row.kept, row.max_length) == (11, 8, 8)
    assert row.trained == 2
    assert [(one.id, dict(one.fix)) for one in row.verdicts] == [("cut", {"data.max_length": 11})]


def test_the_process_is_started_once_and_told_of_another_recipe(inspector: Inspector, tmp_path: Path) -> None:
    inspector.open(RECIPE, tmp_path)
    first = child_of(inspector)
    inspector.open(RECIPE, tmp_path)
    inspector.open(Recipe.model_validate({"data": {"max_length": 9}}), tmp_path)
    assert child_of(inspector) == first
    assert inspector.row({"text": "assistant: " + "la " * 20}, 1).kept == 9


@pytest.mark.usefixtures("many_files")
def test_a_process_with_many_files_open_is_answered(inspector: Inspector, tmp_path: Path) -> None:
    assert inspector.open(RECIPE, tmp_path).name == "stand-in"


def test_what_it_is_at_is_told_while_it_opens(tmp_path: Path) -> None:
    heard: list[str] = []
    with Inspector(command=COMMAND) as inspector, inspector.asked(told=heard.append):
        inspector.open(RECIPE, tmp_path)
    assert heard == ["importing the tokenizer's library · 0 s", "importing the tokenizer's library · 0 s"]


def test_a_row_that_cannot_be_used_leaves_the_process_at_work(inspector: Inspector, tmp_path: Path) -> None:
    inspector.open(RECIPE, tmp_path)
    first = child_of(inspector)
    with pytest.raises(TuituneError, match="text: is missing"):
        inspector.row({"other": 1}, 1)
    assert inspector.row({"text": "assistant: ok"}, 2).trained == 2
    assert child_of(inspector) == first


def test_a_recipe_that_cannot_be_opened_says_why_and_another_one_can(inspector: Inspector, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(TuituneError, match="there is no such model"):
            inspector.open(Recipe.model_validate({"model": {"id": "no/such"}}), tmp_path)
    assert inspector.open(RECIPE, tmp_path).name == "stand-in"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("die", "the inspector ended with code 3: MemoryError: no room"),
        ("vanish", "the inspector was killed, perhaps out of memory"),
    ],
)
def test_a_death_is_told_and_the_next_row_has_a_new_process(
    inspector: Inspector, tmp_path: Path, how: str, message: str
) -> None:
    inspector.open(RECIPE, tmp_path)
    first = child_of(inspector)
    with pytest.raises(TuituneError, match=message):
        inspector.row({"do": how}, 1)
    inspector.open(RECIPE, tmp_path)
    assert inspector.row({"text": "assistant: ok"}, 2).trained == 2
    assert child_of(inspector) != first


def test_a_death_between_two_rows_goes_unnoticed(inspector: Inspector, tmp_path: Path) -> None:
    inspector.open(RECIPE, tmp_path)
    assert inspector._process is not None
    inspector._process.kill()
    inspector._process.wait()
    inspector.open(RECIPE, tmp_path)
    assert inspector.row({"text": "assistant: ok"}, 2).trained == 2


def test_one_that_does_not_answer_is_ended(tmp_path: Path) -> None:
    with Inspector(command=COMMAND, row_seconds=0.3) as inspector:
        inspector.open(RECIPE, tmp_path)
        first = child_of(inspector)
        with pytest.raises(TuituneError, match=r"did not answer within 0\.\d s"):
            inspector.row({"do": "hang"}, 1)
        assert not psutil.pid_exists(first)
        inspector.open(RECIPE, tmp_path)
        assert inspector.row({"text": "assistant: ok"}, 2).trained == 2


def test_leaving_ends_the_wait_and_the_process(tmp_path: Path) -> None:
    left = threading.Event()
    with Inspector(command=COMMAND) as inspector, inspector.asked(cancelled=left.is_set):
        inspector.open(RECIPE, tmp_path)
        pid = child_of(inspector)
        threading.Timer(0.1, left.set).start()
        began = time.monotonic()
        with pytest.raises(TuituneError, match="cancelled"):
            inspector.row({"do": "hang"}, 1)
        assert time.monotonic() - began < 3
        assert not psutil.pid_exists(pid)


def test_a_process_started_ahead_is_the_one_that_is_asked(tmp_path: Path) -> None:
    with Inspector(command=COMMAND) as inspector:
        inspector.start()
        pid = child_of(inspector)
        inspector.open(RECIPE, tmp_path)
        inspector.start()
        assert child_of(inspector) == pid and psutil.pid_exists(pid)


def test_closing_ends_the_process(tmp_path: Path) -> None:
    with Inspector(command=COMMAND) as inspector:
        inspector.open(RECIPE, tmp_path)
        pid = child_of(inspector)
    assert not psutil.pid_exists(pid)


def test_what_libraries_print_and_a_flood_of_complaints_are_passed_over(inspector: Inspector, tmp_path: Path) -> None:
    inspector.open(RECIPE, tmp_path)
    assert inspector.row({"do": "chatter", "text": "assistant: ok"}, 1).trained == 2


def test_rows_longer_than_a_pipe_go_both_ways(inspector: Inspector, tmp_path: Path) -> None:
    inspector.open(RECIPE, tmp_path)
    text = "assistant: " + "word " * 100_000
    assert inspector.row({"text": text}, 1).rendered == f"<s>{text}</s>"


def test_every_text_arrives_as_it_was(inspector: Inspector, tmp_path: Path) -> None:
    inspector.open(RECIPE, tmp_path)
    for payload in CONTROL_PAYLOADS.values():
        assert inspector.row({"text": payload}, 1).rendered == f"<s>{payload}</s>"


def test_a_program_that_is_not_there_or_ends_at_once_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(TuituneError, match="did not start"):
        Inspector(command=(str(tmp_path / "none"),)).open(RECIPE, tmp_path)
    with pytest.raises(TuituneError, match="ended with code 0"):
        Inspector(command=(sys.executable, "-c", "pass")).open(RECIPE, tmp_path)


ANSWERS: dict[str, Callable[[], Any]] = {
    "nothing": dict,
    "a tokenizer without a name": lambda: {"tokenizer": {}, "template": "none", "marked": "own"},
    "a tokenizer that is none": lambda: {"tokenizer": 3, "template": "none", "marked": "own"},
    "verdicts that are none": lambda: {
        "tokenizer": {"name": "a", "vocab": 1}, "template": "none", "marked": "own", "verdicts": [{"id": 1}],
    },
}  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_that_is_none_is_refused(answer: Callable[[], Any], tmp_path: Path) -> None:
    program = f"import json\njson.loads(input())\nprint(json.dumps({{'id': 1, 'ok': True, **{answer()!r}}}))\ninput()"
    with (
        Inspector(command=(sys.executable, "-c", program)) as inspector,
        pytest.raises(TuituneError, match="answer cannot be read"),
    ):
        inspector.open(RECIPE, tmp_path)
