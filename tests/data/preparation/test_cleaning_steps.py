"""Every step of the cleaning: which rows it drops or changes, what it counts, and what it shows of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.preparation.sets import altered, asked, questions, row, sentence, step, write
from tuitune.data.preparation.assembled import EXAMPLES, Assembled, DataRefused
from tuitune.data.preparation.prepare import prepare
from tuitune.data.preparation.texts import tidied, tidy
from tuitune.data.sources.files import open_rows
from tuitune.data.sources.rows import mark
from tuitune.objectives.dpo import DPO
from tuitune.objectives.sft import SFT

TALKS = [row(f"What is {sentence(number, 8)}?", f"It is {sentence(number + 500, 12)}.") for number in range(20)]
BROKEN = '{"question": "cut off'
WITHOUT = {"question": "Why?"}
EMPTY = row("Why?", "  ")


def made(tmp_path: Path, rows: list[Any], **cleaning: Any) -> Assembled:
    name = write(tmp_path / "rows.jsonl", rows)
    return prepare(asked(name, cleaning=cleaning))


def test_clean_data_comes_through_as_it_is(tmp_path: Path) -> None:
    found = made(tmp_path, TALKS)
    assert questions(found.train) == [talk["question"] for talk in TALKS]
    assert (found.held_out, found.steps, found.notes, found.shape.shape) == ([], [], [], "columns")
    assert [(item.number, item.line, item.place) for item in found.train[:2]] == [
        (1, 1, "row 1 (line 1)"),
        (2, 2, "row 2 (line 2)"),
    ]


def test_unusable_rows_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataRefused) as refused:
        made(tmp_path, [*TALKS, BROKEN, WITHOUT, EMPTY])
    (problem,) = refused.value.problems
    assert problem.key == "data.train"
    assert "unusable as columns: 3 of 23 rows" in problem.message
    for said in ("row 21 (line 21)", "row 22 (line 22): answer: ", "row 23 (line 23): answer: ", '"drop"'):
        assert said in problem.message


def test_of_many_unusable_rows_the_first_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"row 22 .*row 26 .*; and 15 more"):
        made(tmp_path, [*TALKS, row("Fine?"), *[WITHOUT] * 20])


def test_names_and_values_of_a_refusal_are_harmless(tmp_path: Path) -> None:
    write(tmp_path / "a\x1b[31m.jsonl", [*TALKS, {"question": "Why?", "answer": {"\x1b[31m": 1}}])
    with pytest.raises(DataRefused) as refused:
        prepare(asked(str(tmp_path)))
    assert "\x1b" not in str(refused.value)


def test_unusable_rows_are_dropped_and_counted(tmp_path: Path) -> None:
    found = made(tmp_path, [*TALKS, BROKEN, WITHOUT, EMPTY], unusable="drop")
    report = step(found, "unusable")
    assert (report.before, report.found, report.dropped, len(found.train)) == (23, 3, 3, 20)
    assert [one["row"] for one in report.examples] == [21, 22, 23]
    assert report.examples[1]["place"] == "row 22 (line 22)" and "answer" in report.examples[1]["reason"]


def test_empty_rows_alone_are_dropped_where_only_that_is_asked(tmp_path: Path) -> None:
    found = made(tmp_path, [*TALKS, EMPTY], empty=True)
    assert (step(found, "empty").dropped, len(found.train)) == (1, 20)
    with pytest.raises(DataRefused, match="1 of 22 rows"):
        made(tmp_path, [*TALKS, EMPTY, WITHOUT], empty=True)


def test_excluded_rows_go_first_by_their_mark_wherever_they_are(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", [BROKEN, TALKS[3], WITHOUT])
    marks = frozenset(mark(one) for one in open_rows(tmp_path / "rows.jsonl"))
    name = write(tmp_path / "more.jsonl", [BROKEN, *TALKS[::-1], WITHOUT])
    found = prepare(asked(name, exclude=[*marks]))
    assert step(found, "exclude").dropped == 3
    assert TALKS[3]["question"] not in questions(found.train) and len(found.train) == 19


def test_white_space_is_tidied_and_shown_before_and_after(tmp_path: Path) -> None:
    found = made(tmp_path, [*TALKS, row(" Why \r\n\r\n\r\n\r\n so?  ", "  Because.\t")], whitespace=True)
    report = step(found, "whitespace")
    assert (report.changed, report.dropped, len(found.train)) == (1, 0, 21)
    assert found.train[-1].canonical["messages"] == [
        {"role": "user", "content": "Why\n\n so?"},
        {"role": "assistant", "content": "Because."},
    ]
    assert (report.examples[0]["before"], report.examples[0]["after"]) == (" Why \r\n\r\n\r\n\r\n so?  ", "Why\n\n so?")


def test_white_space_between_a_plain_prompt_and_its_completion_stays() -> None:
    canonical, change = tidied({"prompt": "  Translate: hello \n", "completion": " bonjour \n"})
    assert canonical == {"prompt": "Translate: hello \n", "completion": " bonjour"}
    assert change == ("  Translate: hello \n", "Translate: hello \n")


def test_tools_and_their_calls_stay_as_they_are() -> None:
    call = {"type": "function", "function": {"name": "look", "arguments": {"at": " sky \n"}}}
    turns = [{"role": "user", "content": "Look "}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    canonical, _ = tidied({"messages": turns, "tools": [{"name": " look "}]})
    assert canonical["messages"][1]["tool_calls"] == [call]
    assert (canonical["messages"][0]["content"], canonical["tools"]) == ("Look", [{"name": " look "}])


@given(st.text())
def test_tidying_twice_is_tidying_once(text: str) -> None:
    once = tidy(text)
    assert tidy(once) == once
    assert "".join(once.split()) == "".join(text.split())


def test_answers_too_short_are_dropped(tmp_path: Path) -> None:
    found = made(tmp_path, [*TALKS, row("Why?", "No.   "), row("Why not?", "x" * 10)], shortest=10)
    report = step(found, "shortest")
    assert (report.before, report.dropped, len(found.train)) == (22, 1, 21)
    assert (report.examples[0]["row"], report.examples[0]["before"]) == (21, "No.   ")
    assert "3 of 10 characters" in report.examples[0]["reason"]


def test_duplicates_of_an_earlier_row_are_dropped_whatever_else_is_in_them(tmp_path: Path) -> None:
    found = made(
        tmp_path, [*TALKS, {"id": 7, **TALKS[4]}, row(TALKS[4]["question"], "Another answer.")], duplicates=True
    )
    report = step(found, "duplicates")
    assert (report.dropped, len(found.train)) == (1, 21)
    assert (report.examples[0]["row"], report.examples[0]["other"]) == (21, 5)


def test_white_space_is_tidied_before_duplicates_are_looked_for(tmp_path: Path) -> None:
    again = row(TALKS[0]["question"] + " ", TALKS[0]["answer"])
    assert len(made(tmp_path, [*TALKS, again], duplicates=True).train) == 21
    assert len(made(tmp_path, [*TALKS, again], duplicates=True, whitespace=True).train) == 20


def test_near_duplicates_of_an_instruction_are_dropped_and_shown_in_pairs(tmp_path: Path) -> None:
    asked = sentence(1)
    found = made(tmp_path, [*TALKS, row(asked), row(altered(asked, 1)), row(altered(asked, 2, 9))], near_duplicates=0.8)
    report = step(found, "near_duplicates")
    assert (report.before, report.dropped, len(found.train)) == (23, 1, 22)
    (pair,) = report.examples
    assert (pair["row"], pair["other"], pair["before"], pair["after"]) == (22, 21, altered(asked, 1), asked)
    assert 0.8 <= pair["similarity"] < 1


def test_answers_chosen_by_hand_are_context_wherever_their_row_stands(tmp_path: Path) -> None:
    turns = [{"role": role, "content": f"{n}."} for n in range(3) for role in ("user", "assistant")]
    rows = [{"messages": turns}, {"messages": turns[:2]}]
    marks = [one.mark for one in prepare(asked(write(tmp_path / "rows.jsonl", rows))).train]
    named = [f"{marks[0]}:2", f"{marks[0]}:5", f"{marks[0]}:6", "0123456789abcdef:2"]
    found = prepare(asked(write(tmp_path / "rows.jsonl", rows[::-1]), unlearned=named))
    weights = [[turn.get("weight") for turn in one.canonical["messages"]] for one in found.train]
    assert weights == [[None, None], [None, 0, None, None, None, 0]]
    with pytest.raises(DataRefused, match=r"row 1 .*data\.unlearned leaves no answer"):
        prepare(asked(str(tmp_path / "rows.jsonl"), unlearned=[f"{marks[1]}:2"]))


def test_examples_are_few_and_short(tmp_path: Path) -> None:
    found = made(tmp_path, [row("y" * 100_000), *[row("y" * 100_000)] * 200], duplicates=True)
    report = step(found, "duplicates")
    assert (report.dropped, len(report.examples)) == (200, EXAMPLES)
    assert all(len(str(one)) < 5000 for one in report.examples)


def test_data_with_nothing_left_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="no row is left"):
        made(tmp_path, TALKS, shortest=10_000)
    with pytest.raises(DataRefused, match="no usable rows"):
        made(tmp_path, [WITHOUT, *[row("Why?", " ")] * 3], unusable="drop")


def test_a_shape_that_cannot_be_learned_from_is_refused_with_the_way_out(tmp_path: Path) -> None:
    pairs = [{"prompt": "Why?", "chosen": "So.", "rejected": "No."}]
    with pytest.raises(DataRefused, match="chosen answers"):
        prepare(asked(write(tmp_path / "rows.jsonl", pairs)), purpose=SFT)
    found = prepare(asked(str(tmp_path / "rows.jsonl")), purpose=DPO)
    assert set(found.train[0].canonical) == {"prompt", "chosen", "rejected"}


def test_progress_is_told_and_may_interrupt(tmp_path: Path) -> None:
    name = write(tmp_path / "rows.jsonl", [row(sentence(number)) for number in range(2500)])
    said: list[str] = []
    prepare(asked(name, eval=0.1), progress=lambda text, done, total: said.append(text))
    assert any(text.startswith("reading") for text in said) and any("similar" in text for text in said)

    def interrupt(_text: str, _done: int, _total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(asked(name, eval=0.1), progress=interrupt)


def test_a_preview_changes_nothing_and_says_what_every_step_would_find(tmp_path: Path) -> None:
    rows = [*TALKS, BROKEN, EMPTY, TALKS[3], row("What  is it? \r\n", "It is."), row("Short?", "No.")]
    name = write(tmp_path / "rows.jsonl", rows)
    found = prepare(asked(name, cleaning={"shortest": 4}), preview=True)
    steps = {step.step: (step.found, step.dropped, step.changed) for step in found.steps}
    assert steps == {
        "unusable": (1, 0, 0),
        "empty": (1, 0, 0),
        "whitespace": (1, 0, 0),
        "shortest": (1, 1, 0),
        "doubtful": (0, 0, 0),
        "duplicates": (1, 0, 0),
        "near_duplicates": (1, 0, 0),
    }
    assert len(found.train) == len(TALKS) + 2
    assert all(step.examples for step in found.steps if step.found)
