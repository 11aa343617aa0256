"""Whether rows could lose everything they teach, told without a tokenizer; false only where it is sure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tuitune.paths import shipped
from tuitune.planning.checks.labels import label_check, may_lose_labels
from tuitune.recipe.schema import Recipe


def recipe(folder: Path, rows: list[dict[str, Any]], **data: Any) -> Recipe:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Recipe.model_validate({"data": {"train": "rows.jsonl", "eval": None, **data}})


def talk(*texts: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]}


SHORT, LONG = talk("Why?", "Because " * 500), talk("x " * 300, "yes")
LATE = talk("Why?", "Because.", "x " * 300, "yes")
CALLING = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}


def weighted(row: dict[str, Any], place: int) -> dict[str, Any]:
    """The row with an answer that is not learned."""
    return {"messages": [{**turn, "weight": 0} if n == place else turn for n, turn in enumerate(row["messages"])]}


@pytest.mark.parametrize(
    ("rows", "data", "may"),
    [
        ([SHORT], {}, False),
        ([SHORT, LONG], {}, True),
        ([LONG], {"max_length": 2048}, False),
        ([LONG], {"loss_on": "all"}, False),
        ([LATE], {}, False),
        ([LATE], {"loss_on": "completion"}, True),
        ([{"prompt": "x" * 600, "completion": "y"}], {}, True),
        ([{"text": "x" * 6000}], {}, False),
        ([SHORT] * 5001, {}, True),
        ([weighted(SHORT, 1)], {}, True),
        ([weighted(LATE, 1)], {"loss_on": "completion"}, True),
        ([weighted(LATE, 1)], {}, True),
        ([weighted(LATE, 3)], {}, False),
        ([weighted(LATE, 3)], {"loss_on": "completion"}, True),
        ([{"messages": [*SHORT["messages"][:1], CALLING, *LATE["messages"][:2]]}], {}, True),
    ],
)
def test_what_stands_before_the_answers_decides(
    tmp_path: Path, rows: list[dict[str, Any]], data: dict[str, Any], may: bool
) -> None:
    assert may_lose_labels(recipe(tmp_path, rows, **data), tmp_path) is may


@pytest.mark.parametrize(
    ("row", "may"),
    [
        ({"prompt": "Why?", "chosen": "So.", "rejected": "No " * 900}, False),
        ({"prompt": "x " * 300, "chosen": "So.", "rejected": "No."}, True),
        ({"prompt": "Why?", "chosen": "So " * 200 + "yes", "rejected": "So " * 200 + "no"}, True),
        ({"prompt": "Why?", "chosen": "So.", "rejected": "So. "}, True),
        (
            {"chosen": [*SHORT["messages"]], "rejected": [*SHORT["messages"][:1], *talk("", "No.")["messages"][1:]]},
            False,
        ),
        ({"chosen": LATE["messages"], "rejected": [*LATE["messages"][:3], *talk("", "no")["messages"][1:]]}, True),
    ],
)
def test_what_two_answers_have_in_common_stands_before_them(tmp_path: Path, row: dict[str, Any], may: bool) -> None:
    wanted = recipe(tmp_path, [row]).model_copy(
        update={"objective": Recipe().objective.model_copy(update={"kind": "dpo"})}
    )
    assert may_lose_labels(wanted, tmp_path) is may


def test_what_cannot_be_looked_at_here_may(tmp_path: Path) -> None:
    assert may_lose_labels(Recipe.model_validate({"data": {"train": "nobody/has-this"}}), tmp_path)
    assert may_lose_labels(Recipe.model_validate({"data": {"train": "gone.jsonl"}}), tmp_path)


@pytest.mark.parametrize("row", [SHORT, {"prompt": "Why?", "completion": "So."}])
def test_what_a_template_makes_of_rows_is_looked_up_unless_the_template_is_ours(
    tmp_path: Path, row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuitune.planning.checks.labels.token_task", lambda recipe, base: "begun")
    (tmp_path / "t.jinja").write_text("{% for m in messages %}{{ m.content | lower }}{% endfor %}")
    (tmp_path / "model").symlink_to(shipped("sample_data") / "nano")
    other = recipe(tmp_path, [row]).model_dump() | {"model": {"id": "./model"}}
    assert label_check(Recipe.model_validate(other), tmp_path) == "begun"
    assert label_check(recipe(tmp_path, [row], template="t.jinja"), tmp_path) == "begun"
    assert label_check(recipe(tmp_path, [row]), tmp_path) is None
    assert label_check(recipe(tmp_path, [talk("2 + 2?", "<think>Hm.</think>4")]), tmp_path) == "begun"


def test_nothing_is_started_where_no_label_can_be_lost_or_no_tokenizer_is_here(tmp_path: Path) -> None:
    assert label_check(recipe(tmp_path, [SHORT]), tmp_path) is None
    elsewhere = recipe(tmp_path, [LONG]).model_dump() | {"model": {"id": "nobody/has-this"}}
    assert label_check(Recipe.model_validate(elsewhere), tmp_path) is None
