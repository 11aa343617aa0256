"""Any page of any source: the rows that reading from the beginning would give, wherever one begins."""

from __future__ import annotations

import gzip
import json
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitune.data.sources import pages
from tuitune.data.sources.files import open_rows
from tuitune.data.sources.names import content_hash, open_source, resolve, stamp
from tuitune.data.sources.pages import LineIndex, read_page
from tuitune.data.sources.rows import Row, SourceError, mark
from tuitune.problem import TuituneError


def fill(folder: Path, suffix: str, rows: int) -> str:
    texts = [{"n": str(number), "text": "x" * (number % 90)} for number in range(1, rows + 1)]
    match suffix:
        case "json":
            content = json.dumps(texts)
        case "csv":
            content = "n,text\n" + "".join(f'{one["n"]},"{one["text"]}"\n' for one in texts)
        case _:
            content = "".join(json.dumps(one) + "\n" * (1 + (number % 7 == 0)) for number, one in enumerate(texts))
    name = f"rows.{suffix}"
    raw = content.encode()
    (folder / name).write_bytes(gzip.compress(raw) if suffix.endswith("gz") else raw)
    return name


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "jsonl.gz"])
def test_pages_in_any_order_are_the_rows_of_the_file(tmp_path: Path, suffix: str) -> None:
    name = fill(tmp_path, suffix, 1050)
    rows = list(open_rows(tmp_path / name))
    for first in (1, 201, 401, 1001, 201, 1051, 5000, 851, 1):
        page = read_page(name, first=first, count=200, base=tmp_path)
        assert list(page.rows) == rows[first - 1 : first + 199]
        assert page.first == first and page.complete == (first + 200 > 1050)


def test_pages_go_on_from_file_to_file(tmp_path: Path) -> None:
    for number in range(5):
        fill(tmp_path, "jsonl", 70)
        (tmp_path / "rows.jsonl").rename(tmp_path / f"part-{number}.jsonl")
    (tmp_path / "part-2.jsonl").write_bytes(b"")
    rows = list(open_source(resolve("part-*.jsonl", base=tmp_path)))
    assert len(rows) == 280 and rows[279].file == "part-4.jsonl"
    assert rows[150].place == f"row 151 (part-3.jsonl, line {rows[150].line})"
    for first, count in ((1, 280), (65, 10), (141, 1), (141, 80), (280, 5), (281, 5), (60, 200)):
        page = read_page("part-*.jsonl", first=first, count=count, base=tmp_path)
        assert list(page.rows) == rows[first - 1 : first - 1 + count]
        assert page.complete == (first - 1 + count >= 280)


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 1}\n')
    source = resolve(str(path))
    before, hashed = stamp(source), content_hash(source)
    assert read_page(str(path)).rows[0].values == {"n": 1} and stamp(source) == before
    path.write_text('{"n": 22}\n')
    assert read_page(str(path)).rows[0].values == {"n": 22}
    assert stamp(source) != before and content_hash(source) != hashed


def test_a_reader_that_is_called_off_says_so(tmp_path: Path) -> None:
    name = fill(tmp_path, "jsonl", 500)
    with pytest.raises(TuituneError, match="cancelled"):
        read_page(name, first=400, base=tmp_path, cancelled=lambda: True)
    assert len(read_page(name, first=400, base=tmp_path).rows) == 101


LINE = st.sampled_from([b'{"a": 1}', b"", b"  ", b"\r", b"\t\x0b\x0c", b"broken", b"x" * 40, b'{"b": "\xef\xbb\xbf"}'])


@given(st.lists(LINE, max_size=30), st.booleans(), st.booleans(), st.integers(8, 50), st.integers(0, 32))
def test_an_index_counts_as_the_reader_does(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], bom: bool, ended: bool, stride: int, skipped: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "indexed.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" * bom + b"\n".join(lines) + b"\n" * ended)
    try:
        rows = list(open_rows(path))
    except SourceError:
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pages, "_STRIDE", stride)
        found, passed = LineIndex(path).rows_from(skipped, lambda: False)
        assert passed == min(skipped, len(rows))
        assert list(found) == rows[skipped:]


def test_far_pages_of_a_big_file_are_quick_and_the_first_is_at_once(tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    row = json.dumps({"text": "x" * 1000}) + "\n"
    with path.open("w") as file:
        for _ in range(60):
            file.write(row * 1000)
    began = time.process_time()
    assert len(read_page(str(path)).rows) == 200
    assert time.process_time() - began < 0.2
    began = time.process_time()
    page = read_page(str(path), first=59_901)
    assert [page.rows[0].line, len(page.rows), page.complete] == [59_901, 100, True]
    assert time.process_time() - began < 1


def test_parquet_is_read_by_another_process(tmp_path: Path) -> None:
    import pyarrow.parquet

    table = pyarrow.table({"text": [f"row {number}" for number in range(1, 2501)]})
    pyarrow.parquet.write_table(table, tmp_path / "-a.parquet", row_group_size=700)
    rows = list(open_rows(tmp_path / "-a.parquet"))
    assert [row.values for row in rows[::1000]] == [{"text": f"row {number}"} for number in (1, 1001, 2001)]
    source = resolve("-a.parquet", base=tmp_path)
    assert not source.light and list(open_source(source, first=1399, limit=3)) == rows[1398:1401]
    page = read_page("-a.parquet", first=2301, base=tmp_path)
    assert list(page.rows) == rows[2300:] and page.complete
    with pytest.raises(TuituneError, match=r"^b\.parquet: .*parquet file"):
        (tmp_path / "b.parquet").write_bytes(b"PAR1")
        read_page("b.parquet", base=tmp_path)
    with pytest.raises(TuituneError, match="cancelled"):
        read_page("-a.parquet", base=tmp_path, cancelled=lambda: True)


def test_reading_text_imports_nothing_heavy(tmp_path: Path) -> None:
    import subprocess

    name = fill(tmp_path, "jsonl.gz", 10)
    code = (
        "import sys; from tuitune.data.sources.pages import read_page; "
        f"assert len(read_page({name!r}).rows) == 10; "
        "print([name for name in ('torch', 'datasets', 'pyarrow', 'numpy', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_folders_and_patterns_stand_for_their_files_in_order(tmp_path: Path) -> None:
    for name in ("d/b.jsonl", "d/a.jsonl.gz", "d/in/c.csv", "d/README.md", "d/.git/x.jsonl", "d/LICENSE", "d/in/n.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    def files(name: str) -> list[str]:
        return [str(path.relative_to(tmp_path / "d")) for path in resolve(name, base=tmp_path).paths]

    assert files("d") == ["a.jsonl.gz", "b.jsonl", "in/c.csv"]
    assert files("d/*.jsonl*") == ["a.jsonl.gz", "b.jsonl"]
    assert files("d/**/*.csv") == ["in/c.csv"] and files("*/in/*") == ["in/c.csv", "in/n.txt"]
    assert files("d/**") == ["README.md", "a.jsonl.gz", "b.jsonl", "in/c.csv", "in/n.txt"]
    assert files("d/[b-z].jsonl") == ["b.jsonl"]
    source = resolve("d", base=tmp_path)
    assert source.kind == "files" and source.path is None and source.light and source.format is None


def test_a_mark_stands_for_the_content() -> None:
    one = Row(1, 2, {"a": 1, "b": [None, "é"]})
    assert mark(one) == mark(Row(7, None, {"b": [None, "é"], "a": 1}, file="x")) and len(mark(one)) == 16
    assert mark(one) != mark(Row(1, 2, {"a": 1, "b": [None, "e"]}))
    assert mark(Row(1, 2, {"a": 2**70})) != mark(Row(1, 2, {"a": 2**70 + 1}))
    assert mark(Row(1, 1, None, "broken")) != mark(Row(2, 1, None, "broken"))
