"""A row is the same whatever file it lies in: values do not change on the way, and a table's padding is no value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuitune.data.detect import detect
from tuitune.data.preparation.writing import write_rows
from tuitune.data.sources.files import open_rows
from tuitune.data.sources.pages import read_page
from tuitune.data.sources.parquet_rows import of_batch
from tuitune.data.sources.rows import mark
from tuitune.rows.fields import RowProblem, text
from tuitune.rows.numbers import dumps, loads
from tuitune.shapes import to_canonical

DIGITS = [
    "7", "-12", "1.10", "1e400", "-1E-400", "0.1000000000000000055", "123456789012345678901234567890",
    "18446744073709551617", "-9223372036854775809", "1E5", "100000.0", "2.50e+3", "0.0",
]  # fmt: skip


@pytest.mark.parametrize("digits", DIGITS)
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_an_answer_has_the_digits_of_its_file(tmp_path: Path, digits: str, form: str) -> None:
    row = f'{{"prompt": "How much?", "completion": {digits}}}'
    (tmp_path / f"rows.{form}").write_text(f"[{row}, {row}]" if form == "json" else f"{row}\n{row}\n")
    first, _ = open_rows(tmp_path / f"rows.{form}")
    assert to_canonical(first.values or {}, "prompt-completion")["completion"] == digits
    (paged, _) = read_page(f"rows.{form}", first=1, count=2, split="train", base=tmp_path).rows
    assert text(paged.values["completion"], "") == digits and mark(paged) == mark(first)
    assert text(loads(dumps(first.values))["completion"], "") == digits
    write_rows(tmp_path / "again.jsonl", [first.values or {}], once="x")
    assert f'"completion":{digits}' in (tmp_path / "again.jsonl").read_text()


def test_a_number_written_otherwise_has_the_mark_that_it_had() -> None:
    from tuitune.data.sources.json_rows import read_lines

    one, other = (next(read_lines(_file(f'{{"a": {digits}}}'))) for digits in ("1.10", "1.1"))
    assert mark(one) == mark(other)


def _file(line: str) -> Any:
    from io import BytesIO

    return BytesIO(line.encode())


@pytest.mark.parametrize(
    ("digits", "taken"),
    [("1.10", 1.1), ("1e3", 1000.0), ("12345678901234567890123", 12345678901234567890123), ("1e400", None),
     ("0.1000000000000000055", None)],
)  # fmt: skip
def test_a_call_whose_number_would_lose_digits_is_refused(digits: str, taken: float | None) -> None:
    call = f'{{"name": "f", "arguments": {{"x": {digits}}}}}'
    for arguments in (loads(call), {"name": "f", "arguments": f'{{"x": {digits}}}'}):
        turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "", "tool_calls": [arguments]}]
        if taken is None:
            with pytest.raises(RowProblem, match="lose digits"):
                to_canonical({"messages": turns}, "tools")
        else:
            (found,) = to_canonical({"messages": turns}, "tools")["messages"][1]["tool_calls"]
            assert found["function"]["arguments"] == {"x": taken}


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8).filter(
    lambda said: bool(said.strip())
)
NAMES = st.sampled_from(["city", "zone", "days", "of"])
ARGUMENTS = st.fixed_dictionaries(
    {}, optional={"city": WORDS, "days": st.integers(-(2**53), 2**53), "share": st.floats(0, 1), "on": st.booleans()}
)


@st.composite
def conversations(draw: st.DrawFn) -> dict[str, Any]:
    """A row with a call and tools: some have arguments, keys and parameters that others do not."""
    call = {"type": "function", "function": {"name": draw(NAMES), "arguments": draw(ARGUMENTS)}}
    properties = {name: {"type": "string"} for name in draw(st.sets(NAMES, min_size=1))}
    tool = {"name": draw(NAMES), "parameters": {"type": "object", "properties": properties}}
    thinking = {"reasoning_content": draw(WORDS)} if draw(st.booleans()) else {}
    return {
        "messages": [
            {"role": "user", "content": draw(WORDS)},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": draw(WORDS), "name": "f"},
            {"role": "assistant", "content": draw(WORDS), **thinking},
        ],
        "tools": [{"type": "function", "function": tool}],
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(conversations(), min_size=1, max_size=4))
def test_a_row_is_the_same_in_every_format(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = {form: canonical(open_rows(tmp_path / f"rows.{form}")) for form in ("json", "jsonl")}
    try:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    except pa.ArrowNotImplementedError:  # parquet has no objects that are empty in every row
        pass
    else:
        made["parquet"] = canonical(open_rows(tmp_path / "rows.parquet"))
    cached = datasets.Dataset.from_list(rows).with_format("arrow")[:]
    made["hub"] = canonical(of_batch(cached, 0))
    for form, found in made.items():
        assert json.dumps(found, sort_keys=True) == json.dumps(made["json"], sort_keys=True), form


def canonical(rows: Iterator[Any]) -> list[dict[str, Any]]:
    found = list(rows)
    shape = detect([row.values for row in found])
    return [to_canonical(row.values, shape.shape, shape.columns) for row in found]


def test_padding_changes_no_mark_and_single_precision_keeps_its_digits(tmp_path: Path) -> None:
    table = pa.table(
        {
            "said": pa.array([{"a": "x"}, {"b": "y"}], pa.struct([("a", pa.string()), ("b", pa.string())])),
            "completion": pa.array([0.1, 2.5], pa.float32()),
            "score": pa.array([None, 1], pa.int64()),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    first, second = open_rows(tmp_path / "rows.parquet")
    assert first.values == {"said": {"a": "x"}, "completion": 0.1, "score": None}
    assert second.values == {"said": {"b": "y"}, "completion": 2.5, "score": 1}
    padded = {"said": {"a": "x", "b": None}, "completion": 0.10000000149011612, "score": None}
    (read,) = open_rows(_written(tmp_path / "padded.jsonl", padded))
    assert mark(first) == mark(read)


def _written(path: Path, row: dict[str, Any]) -> Path:
    path.write_text(json.dumps(row) + "\n")
    return path


def test_bytes_that_are_no_text_are_not_learned(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt": ["a", "b"], "completion": [b"yes", b"\xff\xfe\x01"]}), tmp_path / "rows.parquet")
    first, second = open_rows(tmp_path / "rows.parquet")
    assert to_canonical(first.values or {}, "prompt-completion")["completion"] == "yes"
    with pytest.raises(RowProblem, match="3 bytes"):
        to_canonical(second.values or {}, "prompt-completion")


def test_a_tool_or_its_schema_may_be_written_as_text() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    function = {"name": "weather", "parameters": schema}
    turns = [{"role": "user", "content": "Rain?"}, {"role": "assistant", "content": "No."}]
    for tool in (
        {"type": "function", "function": json.dumps(function)},
        {"type": "function", "function": {**function, "parameters": json.dumps(schema)}},
        {**function, "parameters": json.dumps(schema)},
    ):
        row = to_canonical({"messages": turns, "tools": [tool]}, "tools")
        assert row["tools"] == [{"type": "function", "function": function}]


@pytest.mark.parametrize("digits", ["0.0000000010", "1.10", "-3.0", "100", "0.00", "12345678901234567890.1"])
def test_a_decimal_has_the_digits_of_its_table(tmp_path: Path, digits: str) -> None:
    kind = pa.decimal128(38, len(digits.partition(".")[2]))
    pq.write_table(pa.table({"prompt": ["?"], "completion": pa.array([Decimal(digits)], kind)}), tmp_path / "a.parquet")
    (row,) = open_rows(tmp_path / "a.parquet")
    assert to_canonical(row.values or {}, "prompt-completion")["completion"] == digits
    assert dumps(row.values) == f'{{"prompt":"?","completion":{digits}}}'.encode()


def test_numbers_and_maps_of_a_table_reach_a_call_as_such(tmp_path: Path) -> None:
    def rows(kind: pa.DataType, arguments: Any) -> list[Any]:
        function = pa.struct([("name", pa.string()), ("arguments", kind)])
        turn = pa.struct([("role", pa.string()), ("content", pa.string()), ("tool_calls", pa.list_(
            pa.struct([("function", function)])))])  # fmt: skip
        calling = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}
        turns = pa.array([[{"role": "user", "content": "?"}, calling]], pa.list_(turn))
        pq.write_table(pa.table({"messages": turns}), tmp_path / "rows.parquet")
        return list(open_rows(tmp_path / "rows.parquet"))

    def arguments(kind: pa.DataType, value: Any) -> Any:
        (row,) = rows(kind, value)
        return to_canonical(row.values, "tools")["messages"][1]["tool_calls"][0]["function"]["arguments"]

    assert arguments(pa.struct([("x", pa.decimal128(5, 2))]), {"x": Decimal("1.10")}) == {"x": 1.1}
    assert arguments(pa.map_(pa.string(), pa.string()), [("city", "Oslo"), ("zone", None)]) == {
        "city": "Oslo", "zone": None,
    }  # fmt: skip
    padded = pa.struct([("a", pa.int64()), ("b", pa.int64())])
    assert arguments(pa.map_(pa.string(), padded), [("x", {"a": 1}), ("y", {"b": 2})]) == {"x": {"a": 1}, "y": {"b": 2}}
    (twice,) = rows(pa.map_(pa.string(), pa.int64()), [("a", 1), ("a", 2)])
    assert twice.values is None and "duplicate" in twice.problem
