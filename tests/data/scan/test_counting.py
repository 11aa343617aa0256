"""Counting rows: the same whatever they are cut into, and whether they are looked at quickly or converted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitune.data.detect import Detection
from tuitune.data.scan.blocks import blocks_of, count_blocks
from tuitune.data.scan.duplicates import repeated, repeats
from tuitune.data.scan.inspect import gather, report
from tuitune.data.scan.lengths import EDGES, Lengths
from tuitune.data.scan.tally import Reading, count_rows, measures
from tuitune.data.sources.names import open_source, resolve
from tuitune.data.sources.rows import LONGEST
from tuitune.shapes import SHAPES, to_canonical

TURNS = Reading("messages", {"messages": "messages"})
ODD_LINES = [
    b"",
    b"   ",
    b"\r",
    b"{broken",
    b"[1]",
    b"7",
    b'{"messages": []}',
    b'{"messages": [{"role": "user", "content": "only a question"}]}',
    b'{"messages": "none"}',
    b'{"messages": [{"role": "assistant", "content": "first"}]}',
    b"\xff\xfe latin",
    b'{"n": NaN}',
    b'{"deep": ' + b"[" * 200 + b"]" * 200 + b"}",
    b'{"messages": [{"role": "user", "content": "a\tb"}, {"role": "assistant", "content": "c"}]}\r',
    '{"messages": [{"role": "user", "content": "ö"}, {"role": "assistant", "content": "ü"}]}'.encode(),
    b'{"n": 123456789012345678901234567890}',
]


def counted(parts: Any) -> tuple[dict[str, Any], list[Any]]:
    """What the parts come to, as a report and every problem."""
    fingerprints, problems = [], []

    def take(part: Any, _: int) -> None:
        fingerprints.extend(part.fingerprints)
        problems.extend(part.problems)

    total, first = gather(parts, TURNS, take)
    found = Detection(TURNS.shape, TURNS.columns)
    return report("rows", found, total, first, repeats(fingerprints)).as_json(), problems


@given(st.lists(st.sampled_from(ODD_LINES), min_size=1, max_size=30), st.integers(1, 400), st.booleans(), st.booleans())
def test_blocks_of_any_size_count_what_a_stream_counts(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int, ended: bool, marked: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "odd.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" * marked + b'{"first": 1}\n' + b"\n".join(lines) + b"\n" * ended)
    source = resolve(str(path))
    in_blocks = counted(count_blocks(blocks_of(source, size), TURNS))
    assert in_blocks == counted(count_rows(open_source(source), TURNS))


def test_several_files_are_counted_in_their_order(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.jsonl").write_bytes(b"\n".join(ODD_LINES) + b"\n")
    source = resolve(str(tmp_path))
    in_blocks, problems = counted(count_blocks(blocks_of(source, 100), TURNS))
    assert (in_blocks, problems) == counted(count_rows(open_source(source), TURNS))
    assert {one.file for one in problems} == {"a.jsonl", "b.jsonl", "c.jsonl"}
    assert len({one.row for one in problems}) == len(problems)


def test_a_line_longer_than_many_blocks_is_one_row_too_long(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    row = b'{"text": "short"}\n'
    path.write_bytes(row + b'{"text": "' + b"x" * (LONGEST + 100_000) + b'"}\n' + row)
    source = resolve(str(path))
    reading = Reading("text", {"text": "text"})
    parts = [part for part, _ in count_blocks(blocks_of(source, 1 << 19), reading)]
    assert sum(part.rows for part in parts) == 3
    assert [(one.row, one.line) for part in parts for one in part.problems] == [(2, 2)]


def test_many_blocks_are_counted_by_processes(tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    row = {"messages": [{"role": "user", "content": "x" * 900}, {"role": "assistant", "content": "yes"}]}
    with path.open("wb") as file:
        for number in range(10_000):
            file.write(orjson.dumps({**row, "id": number // 2}) + b"\n" if number != 7_777 else b"{broken\n")
    found, problems = counted(count_blocks(blocks_of(resolve(str(path))), TURNS))
    assert (found["rows"], found["duplicates"], found["turns"]) == (10_000, 4_999, {"2": 9_999})
    assert [(one.row, one.line, one.kind) for one in problems] == [(7_778, 7_778, "unreadable")]


PLAIN = st.text(alphabet=st.sampled_from(" \n\tabc.ö中"), max_size=6)
VALUES = PLAIN | st.none() | st.integers() | st.booleans() | st.lists(PLAIN, max_size=2)
ROLES = st.sampled_from(["system", "user", "assistant", "human", "gpt", "tool", "USER", "", "developer"])
TURN = st.one_of(
    st.fixed_dictionaries({"role": ROLES | VALUES, "content": PLAIN | VALUES}, optional={"name": PLAIN}),
    st.fixed_dictionaries({"from": ROLES, "value": PLAIN}, optional={"weight": VALUES}),
    VALUES,
)
EXTRA = {"system": VALUES, "tools": VALUES, "history": VALUES, "id": VALUES}
ROWS = {
    "messages": ({"messages": "messages"}, {"messages": st.lists(TURN, max_size=5) | VALUES}),
    "sharegpt": ({"messages": "conversations"}, {"conversations": st.lists(TURN, max_size=5)}),
    "alpaca": (
        {"instruction": "instruction", "input": "input", "output": "output"},
        {"instruction": VALUES, "output": VALUES},
    ),
    "columns": ({"prompt": "q", "completion": "a"}, {"q": VALUES, "a": VALUES}),
    "prompt-completion": ({"prompt": "prompt", "completion": "completion"}, {"prompt": VALUES, "completion": VALUES}),
    "text": ({"text": "text"}, {"text": VALUES}),
}


@pytest.mark.parametrize("shape", ROWS)
@given(data=st.data())
def test_a_plain_row_is_sound_and_measured_as_its_conversion_is(shape: str, data: st.DataObject) -> None:
    columns, fields = ROWS[shape]
    values = data.draw(st.fixed_dictionaries(fields, optional={**EXTRA, "input": VALUES}))
    measure = SHAPES[shape].measure_for(columns)
    assert measure is not None
    if (found := measure(values)) is not None:
        assert found == measures(to_canonical(values, shape, columns))


def test_usual_rows_are_plain() -> None:
    turns = [{"from": "system", "value": "s"}, {"from": "human", "value": "abc"}, {"from": "gpt", "value": "de"}]
    measure = SHAPES["sharegpt"].measure_for({"messages": "conversations"})
    assert measure is not None and measure({"conversations": turns, "id": 7}) == (6, 2, 3)
    measure = SHAPES["alpaca"].measure_for({"instruction": "instruction", "input": "input", "output": "output"})
    assert measure is not None and measure({"instruction": "ab", "input": "c", "output": "def"}) == (8, 3, 2)
    assert SHAPES["columns"].measure_for({"prompt": "q", "completion": "a", "system": "s"}) is None
    assert SHAPES["preference"].measure_for({}) is None


@given(st.lists(st.integers(0, 200_000)), st.lists(st.integers(0, 200_000)))
def test_lengths_merge_as_if_counted_at_once(first: list[int], then: list[int]) -> None:
    numbers = list(range(1, len(first) + len(then) + 1))
    merged = Lengths(first, numbers[: len(first)])
    merged.merge(Lengths(then, numbers[len(first) :]))
    both = Lengths(first + then, numbers)
    assert merged.as_json() == both.as_json()
    assert sum(both.as_json()["counts"]) == len(numbers)
    if numbers:
        median = sorted(first + then)[(len(numbers) - 1) // 2]
        assert 0.99 * median <= both.median() <= median
        assert both.as_json()["longest"] == max(first + then)


def test_a_length_lies_in_the_bar_that_begins_at_it() -> None:
    for bar, edge in enumerate(EDGES):
        assert Lengths([edge], [1]).as_json()["counts"].index(1) == bar


@given(st.lists(st.integers(-3, 3)), st.integers(1, 5))
def test_duplicates_are_the_same_in_parts_and_remembered(
    tmp_path_factory: pytest.TempPathFactory, fingerprints: list[int], at_once: int
) -> None:
    from array import array

    path = tmp_path_factory.getbasetemp() / "fingerprints"
    path.write_bytes(array("q", fingerprints).tobytes())
    assert repeated(path, at_once=at_once) == repeats(fingerprints)


def test_rows_that_cannot_be_read_are_no_duplicates(tmp_path: Path) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text("{x\n{x\n" + json.dumps({"text": "a"}) + "\n")
    found, _ = counted(count_blocks(blocks_of(resolve(str(path))), TURNS))
    assert (found["rows"], found["duplicates"]) == (3, 0)
