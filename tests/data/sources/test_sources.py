"""Rows of files: every format, and everything that real files get wrong."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuitune.data.sources.files import open_rows
from tuitune.data.sources.formats import FORMATS
from tuitune.data.sources.names import open_source, resolve
from tuitune.data.sources.rows import DEEPEST, LONGEST, Row, SourceError
from tuitune.problem import TuituneError


def rows(folder: Path, name: str, content: str | bytes) -> list[Row]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(open_rows(path))


def values(folder: Path, name: str, content: str | bytes) -> list[dict | None]:
    return [row.values for row in rows(folder, name, content)]


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as error:
        open_rows(path)
    return str(error.value)


def refused_content(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return refused(folder / name)


TWO = [{"text": "a"}, {"text": "b"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"text": "a"}\n{"text": "b"}\n'),
        ("a.jsonl", '{"text": "a"}\n\n  \n{"text": "b"}'),
        ("a.ndjson", '\ufeff{"text": "a"}\r\n{"text": "b"}\r\n'),
        ("a.JSONL", '{"text": "a"}\n{"text": "b"}\n'),
        ("a.json", '[{"text": "a"}, {"text": "b"}]'),
        ("a.json", '\ufeff\n[\n {"text": "a"},\r\n {"text": "b"}\n]\n'),
        ("a.json", '{"version": [1, {"x": 2}], "data": [{"text": "a"}, {"text": "b"}], "more": 3}'),
        ("a.json", '{\n "version": 1,\n "data": [{"text": "a"}, {"text": "b"}]}'),
        ("a.json", '{"text": "a"}\n{"text": "b"}\n'),
        ("a.jsonl", '[{"text": "a"},\n{"text": "b"}]'),
        ("no-ending", '{"text": "a"}\n{"text": "b"}\n'),
        ("a.csv", "text\na\nb\n"),
        ("a.csv", '\ufefftext\r\n"a"\r\n\r\nb\r\n'),
        ("a.tsv", "text\na\nb\n"),
        ("a.txt", "a\nb\n"),
        ("a.txt", "\ufeffa\r\nb"),
        ("a.md", "a\n\nb\n\n\n"),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, content: str) -> None:
    assert values(tmp_path, name, content) == TWO


def test_rows_know_their_number_and_line(tmp_path: Path) -> None:
    found = rows(tmp_path, "a.jsonl", '{"n": 1}\n\n{"n": 2}\n')
    assert [(row.number, row.line) for row in found] == [(1, 1), (2, 3)]
    found = rows(tmp_path, "a.json", '[\n  {"n": 1},\n  {\n    "n": 2\n  },\n  {"n": 3}\n]')
    assert [(row.number, row.line) for row in found] == [(1, 2), (2, 3), (3, 6)]
    found = rows(tmp_path, "a.csv", 'a,b\n1,"x\ny"\n2,z\n')
    assert [(row.number, row.line) for row in found] == [(1, 2), (2, 4)]
    found = rows(tmp_path, "a.txt", "one\nmore\n\n\ntwo\n\nthree")
    assert [(row.number, row.line, row.values) for row in found] == [
        (1, 1, {"text": "one\nmore"}),
        (2, 5, {"text": "two"}),
        (3, 7, {"text": "three"}),
    ]


BROKEN_LINES = [
    (b"{bad}", "broken JSON at column 2: expecting property name enclosed in double quotes, found `bad}`"),
    (b'{"a": 1,}', "broken JSON at column "),
    (b'{"a": ', "found the end"),
    (b"[1, 2]", 'expected an object such as {"text": …}, found a list'),
    (b'"text"', "found text"),
    (b"3", "found a number"),
    (b"null", "found null"),
    (b'{"a": NaN}', "NaN is not JSON; write null or a number"),
    (b'{"a": -Infinity}', "-Infinity is not JSON"),
    (b'{"a": "\\ud83d"}', "has half of a surrogate pair (U+D83D)"),
    (b'{"a": "caf\xe9"}', "is not UTF-8 (byte 0xe9 at column 11); save the file as UTF-8"),
    (b'{"a": ' + b"[" * 5000, "is nested too deeply"),
    (b'{"a": ' + b"[" * 150 + b"]" * 150 + b"}", f"is nested more than {DEEPEST} levels deep"),
    (b'{"a": ' + b"9" * 5000 + b"}", None),
    (b'{"a": "\x1b[31m"} x', "broken JSON at column "),
]


@pytest.mark.parametrize(("line", "problem"), BROKEN_LINES)
def test_a_broken_line_is_a_row_with_a_problem_and_reading_goes_on(
    tmp_path: Path, line: bytes, problem: str | None
) -> None:
    found = rows(tmp_path, "a.jsonl", b'{"n": 1}\n' + line + b'\n{"n": 3}\n')
    assert [row.values for row in (found[0], found[2])] == [{"n": 1}, {"n": 3}]
    assert (found[1].number, found[1].line) == (2, 2)
    if problem:
        assert found[1].values is None and problem in str(found[1].problem)
    assert "\x1b" not in str(found[1].problem) and len(str(found[1].problem)) < 250


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('{"a": "x\ty\x1b[0m\x00"}', {"a": "x\ty\x1b[0m\x00"}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"a": null, "b": [null, {"c": null}]}', {"a": None, "b": [None, {"c": None}]}),
        ('{"a": "\\ud83d\\ude00 \\\\ud800"}', {"a": "😀 \\ud800"}),
        ('{"a": 123456789012345678901234567890}', None),
    ],
)
def test_odd_values_are_kept(tmp_path: Path, line: str, value: dict | None) -> None:
    for name, content in (("a.jsonl", line), ("a.json", f"[{line}]")):
        found = rows(tmp_path, name, content)[0]
        assert found.problem is None
        assert value is None or found.values == value


def test_a_line_without_end_is_refused_and_skipped(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write(b'{"n": 1}\n{"n": "')
        for _ in range(LONGEST // 1_000_000 + 1):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n{"n": 3}\n')
    found = list(open_rows(path))
    assert [row.values for row in found] == [{"n": 1}, None, {"n": 3}]
    assert found[1].problem == "the line is longer than 8 MiB"


@pytest.mark.parametrize(
    ("content", "good", "line", "problem"),
    [
        ('[\n {"n": 1},\n {"n": 2,},\n {"n": 3}\n]', 1, 3, "broken JSON at line 3, column "),
        ('[{"n": 1}, {"n": 2]', 1, 1, "broken JSON at line 1: expecting ',' delimiter"),
        ('[{"n": 1}\n{"n": 2}]', 1, 2, "expected `,` or `]`, found `{`"),
        ('[{"n": 1},\n', 1, 2, "expecting value, found the end"),
        ('[{"n": 1}', 1, 1, "expected `,` or `]`, found the end"),
        ('[{"n": 1}, {"n": "x', 1, 1, "unterminated string"),
        ('[{"n": 1}]\n[{"n": 2}]', 1, 2, "more after the end of the array"),
        ('[{"n": 1}, {"a": ' + "[" * 5000, 1, 1, "nested too deeply"),
        ('[{"n": 1}, ' + "9" * 5000 + "]", 1, 1, "a number with thousands of digits"),
        ("hello", 0, 1, "expected `[`, found `h`"),
        ('{\n"rows": {}, "x": 1\n}', 0, 3, 'an array under "data"; found an object with rows, x'),
    ],
)
def test_a_broken_array_gives_its_rows_up_to_the_break(
    tmp_path: Path, content: str, good: int, line: int, problem: str
) -> None:
    found = rows(tmp_path, "a.json", content)
    assert [row.values for row in found[:good]] == [{"n": 1}] * good
    assert len(found) == good + 1
    assert found[-1].values is None and found[-1].line == line and problem in str(found[-1].problem)


def test_unfit_elements_of_an_array_do_not_stop_it(tmp_path: Path) -> None:
    content = b'[{"a": NaN},\n{"a": "\\udead"}, {"a": "\xe9"},\n 3, {"a": 1}]'
    found = rows(tmp_path, "a.json", content)
    assert [row.values for row in found] == [None, None, None, None, {"a": 1}]
    problems = [str(row.problem) for row in found[:4]]
    assert "NaN is not JSON" in problems[0] and "surrogate" in problems[1]
    assert "byte 0xe9" in problems[2] and "found a number" in problems[3]


@pytest.mark.parametrize(
    ("name", "content", "line", "problem"),
    [
        ("a.csv", "a,b\n1,2\n1,2,3\n4,5\n", 3, "expected 2 fields (a, b), found 3"),
        ("a.csv", "a,b\n1,2\n1\n4,5\n", 3, "expected 2 fields (a, b), found 1"),
        ("a.csv", b"a,b\n1,2\ncaf\xe9,2\n4,5\n", 3, "is not UTF-8 (byte 0xe9 at column 4)"),
        ("a.csv", 'a,b\n1,2\n"x"y,2\n4,5\n', 3, "broken row: "),
        ("a.tsv", "a\tb\n1\t2\n1\n4\t5\n", 3, "expected 2 fields"),
        ("a.txt", b"1\n2 \xe9\n3\n", 2, "is not UTF-8"),
    ],
)
def test_broken_rows_of_tables_are_named(
    tmp_path: Path, name: str, content: str | bytes, line: int, problem: str
) -> None:
    found = rows(tmp_path, name, content)
    wrong = [row for row in found if row.values is None]
    assert len(found) == 3 and len(wrong) == 1
    assert wrong[0].line == line and problem in str(wrong[0].problem)


def test_an_open_quote_takes_the_rest_of_the_file(tmp_path: Path) -> None:
    found = rows(tmp_path, "a.csv", 'a,b\n1,2\n"x,2\n4,5\n')
    assert found[1].line == 3 and "broken row" in str(found[1].problem) and len(found) == 2


def test_tables_with_another_delimiter(tmp_path: Path) -> None:
    assert values(tmp_path, "a.csv", "a;b\n1,5;2\n") == [{"a": "1,5", "b": "2"}]
    assert values(tmp_path, "a.csv", "a\tb\n1\t2\n") == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"\n  \n", "is empty"),
        ("a.txt", b"\xef\xbb\xbf\n", "is empty"),
        ("a.json", b"[]", "is empty"),
        ("a.csv", b"a,b\n", "is empty: it has a header and no rows"),
        ("a.csv", b"a,a\n1,2\n", "the header names the column 'a' twice"),
        ("a.csv", b",\n1,2\n", "has no header"),
        ("a.csv", b'"a\n', "has a broken header"),
        ("a.csv", b"caf\xe9\n1\n", "the header is not UTF-8"),
        ("a.jsonl", '{"a": 1}'.encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        ("a.jsonl", '{"a": 1}'.encode("utf-16-le"), "is UTF-16 text"),
        ("a.csv", "a,b".encode("utf-32"), "is UTF-32 text"),
        ("a.txt", b"text" * 200 + b"\0\1" * 100, "is not a text file"),
        ("a.jsonl", b"\x1f\x8b\x08rest", "the gzip data is broken"),
        ("a.json", b"PK\x03\x04rest", "is packed with zip"),
        ("a.parquet", b"PAR1rest", "is not a readable parquet file"),
        ("a.jsonl", b"PAR1rest", "is not a readable parquet file"),
        ("a.docx", b"text", "has an unknown format (.docx); supported are .json, .jsonl"),
        ("README", b"text", "has an unknown format (README)"),
    ],
)
def test_files_without_rows_are_refused_at_once(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    assert message in refused_content(tmp_path, name, content)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert "not a regular file" in refused(tmp_path / "pipe.jsonl")
    assert "is a folder" in refused(tmp_path)
    assert "no such file" in refused(tmp_path / "missing.jsonl")
    (tmp_path / "trian.jsonl").write_text("{}")
    assert "did you mean 'trian.jsonl'?" in refused(tmp_path / "train.jsonl")
    assert "bundled:triage" in refused(tmp_path / "missing" / "train.jsonl")
    assert "cannot be read" in refused(tmp_path / ("n" * 300))
    assert "cannot be read" in refused(Path("a\0b"))


def test_the_first_page_of_a_big_file_is_immediate_and_small(tmp_path: Path) -> None:
    lines, array = tmp_path / "big.jsonl", tmp_path / "big.json"
    row = json.dumps({"text": "x" * 1000})
    lines.write_text(f"{row}\n" * 20_000)
    array.write_text("[" + ",\n".join([row] * 20_000) + "]")
    for path in (lines, array):
        tracemalloc.start()
        start = time.monotonic()
        assert len(list(islice(open_rows(path), 200))) == 200
        assert time.monotonic() - start < 2
        assert sum(1 for _ in open_rows(path)) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
        tracemalloc.stop()


def test_a_limit_stops_reading(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"n": 1}\n{bad\n{"n": 3}\n')
    rows = open_source(resolve(str(tmp_path / "a.jsonl")), limit=2)
    assert [row.number for row in rows] == [1, 2]


def test_an_element_longer_than_a_read_is_whole(tmp_path: Path) -> None:
    long = {"text": "y" * 3_000_000, "n": 12345}
    (tmp_path / "a.json").write_text(json.dumps([{"n": 1}, long, {"n": 2}]))
    assert [row.values for row in open_rows(tmp_path / "a.json")] == [{"n": 1}, long, {"n": 2}]


def test_names_stand_for_files_bundled_sets_and_hub_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "rows").write_text('{"a": 1}\n')
    assert (found := resolve("mine.jsonl")).kind == "file" and found.format == "jsonl"
    assert resolve("mine.jsonl", base=Path("/nowhere/..") / tmp_path).path == tmp_path / "mine.jsonl"
    assert resolve("team/rows").kind == "file"
    assert (hub := resolve("openai/gsm8k")).kind == "hub" and hub.name == "openai/gsm8k" and hub.path is None
    assert (set_ := resolve("bundled:triage")).kind == "bundled" and set_.format == "jsonl"
    for name in ("missing.jsonl", "team/missing.jsonl", "squad", "a/b/c", "team", "x\0y", "~nobody-here/x.jsonl"):
        with pytest.raises(SourceError):
            resolve(name)
    with pytest.raises(TuituneError, match="bundled:triage"):
        resolve("bundled:nothing")


@settings(deadline=None)
@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=200))
def test_any_bytes_are_rows_or_refused(tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(content)
    try:
        found = list(open_rows(path))
    except SourceError as error:
        assert error.problems
    else:
        assert all((row.values is None) != (row.problem is None) for row in found)
        assert [row.number for row in found] == list(range(1, len(found) + 1))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=8), JSON, max_size=3), min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from([None, 2]),
)
def test_json_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, written: list[dict], ascii_only: bool, indent: int | None
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "w.json").write_text(json.dumps(written, ensure_ascii=ascii_only, indent=indent), encoding="utf-8")
    (folder / "w.jsonl").write_text(
        "\n".join(json.dumps(one, ensure_ascii=ascii_only) for one in written), encoding="utf-8"
    )
    assert [row.values for row in open_rows(folder / "w.json")] == written
    assert [row.values for row in open_rows(folder / "w.jsonl")] == written
