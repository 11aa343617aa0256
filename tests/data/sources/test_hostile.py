"""Inputs that are hostile, broken or merely odd: each is told of clearly, in bounded memory, and stops nothing."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tuitune.data.sources.names import open_source, resolve
from tuitune.data.sources.pages import read_page
from tuitune.data.sources.rows import LONGEST, SourceError
from tuitune.problem import TuituneError

GOOD = b'{"text": "good"}\n'
PAYLOAD = "\x1b]0;owned\x07\x1b[2J[red]x[/red]\u202e"
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")
Maker = Callable[[Path], None]

PEAK_BYTES = 300_000_000
"""Memory that a process may take that reads a bomb, Python and its libraries included."""


def told(name: str, base: Path) -> str:
    """What a person is told of a source: why it is refused, or each row with its problem or (shortened) values."""
    try:
        rows = list(open_source(resolve(name, base=base)))
    except TuituneError as error:
        told = f"refused: {error}"
        assert not CONTROL.search(told.replace("\n", "")) and len(told) < 700 + len(str(base))
        return told
    lines = []
    for row in rows:
        assert (row.values is None) != (row.problem is None)
        if row.problem:
            assert not CONTROL.search(row.problem) and len(row.problem) < 400
        lines.append(f"{row.place}: {row.problem or json.dumps(row.values)[:300]}")
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    return "\n".join(lines)


def write(name: str, content: bytes) -> Maker:
    return lambda folder: (folder / name).write_bytes(content) and None


def lines(*rows: bytes) -> bytes:
    return b"\n".join(rows) + b"\n"


def parquet(name: str, build: Callable[[], object], **options: object) -> Maker:
    def make(folder: Path) -> None:
        import pyarrow.parquet

        pyarrow.parquet.write_table(build(), folder / name, **options)

    return make


def odd_table() -> object:
    import datetime
    import decimal

    import pyarrow

    return pyarrow.table(
        {
            "when": pyarrow.array([datetime.datetime(2026, 1, 2, 3, 4, 5)], pyarrow.timestamp("ns")),
            "price": pyarrow.array([decimal.Decimal("1.50")]),
            "bytes": pyarrow.array([b"\xff\xfe\x00"]),
            "latin": pyarrow.array([b"caf\xc3\xa9"]),
            "deep": pyarrow.array([{"a": {"b": [1, None]}}]),
            "none": pyarrow.nulls(1),
            "pairs": pyarrow.array([[("k", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
            "nan": pyarrow.array([float("nan")]),
        }
    )


def table(**columns: list) -> Callable[[], object]:
    def build() -> object:
        import pyarrow

        return pyarrow.table(columns)

    return build


def not_utf8_table() -> object:
    import pyarrow

    offsets, letters = pyarrow.py_buffer(b"\0\0\0\0\2\0\0\0\4\0\0\0"), pyarrow.py_buffer(b"ok\xff\xfe")
    return pyarrow.table({"text": pyarrow.Array.from_buffers(pyarrow.string(), 2, [None, offsets, letters])})


def linked_loop(folder: Path) -> None:
    (folder / "d").mkdir()
    (folder / "d" / "a.jsonl").write_bytes(GOOD)
    (folder / "d" / "again").symlink_to(folder / "d", target_is_directory=True)
    (folder / "d" / ".hidden.jsonl").write_bytes(b"broken")


def self_link(folder: Path) -> None:
    (folder / "a.jsonl").symlink_to(folder / "a.jsonl")


def link_out(folder: Path) -> None:
    (folder / "d").mkdir()
    (folder / "secret.txt").write_bytes(b"a secret")
    (folder / "d" / "a.txt").symlink_to(folder / "secret.txt")


def dead_link(folder: Path) -> None:
    (folder / "d").mkdir()
    (folder / "d" / "a.txt").symlink_to(folder / "nothing")


def some_empty(folder: Path) -> None:
    (folder / "d").mkdir()
    for name, content in (("1.jsonl", b""), ("2.jsonl", GOOD), ("3.csv", b"\xff\xfe"), ("4.jsonl", b"[")):
        (folder / "d" / name).write_bytes(content)


def folder_of(*names: str) -> Maker:
    def make(folder: Path) -> None:
        (folder / "d").mkdir()
        for name in names:
            (folder / "d" / name).write_bytes(b"x")

    return make


def zipped() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", GOOD * 1000)
    return held.getvalue()


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


THOUSAND = b"".join(b'{"text": "row %d"}\n' % number for number in range(1000))
WIDE_CSV = b",".join(b"c%d" % n for n in range(100_000)) + b"\n" + b",".join([b"1"] * 100_000) + b"\n"
WIDE_JSON = json.dumps({f"c{n}": n for n in range(100_000)}).encode() + b"\n"
NULLS = b'{"text": ' + b'{"a": [null, ' * 20 + b"null" + b"]}" * 20 + b"}\n"

INPUTS: dict[str, tuple[str, Maker, str]] = {
    "empty file": ("a.jsonl", write("a.jsonl", b""), "is empty"),
    "blank lines": ("a.jsonl", write("a.jsonl", b"\n \n\n"), "it has only blank lines"),
    "empty array": ("a.json", write("a.json", b"[]"), "is empty"),
    "header alone": ("a.csv", write("a.csv", b"a,b\n"), "it has a header and no rows"),
    "byte order mark": ("a.jsonl", write("a.jsonl", b"\xef\xbb\xbf" + GOOD), 'row 1 (line 1): {"text": "good"}'),
    "byte order mark alone": ("a.jsonl", write("a.jsonl", b"\xef\xbb\xbf"), "it has only blank lines"),
    "UTF-16": ("a.jsonl", write("a.jsonl", GOOD.decode().encode("utf-16")), "is UTF-16 text; save it as UTF-8"),
    "UTF-16 without mark": ("a.jsonl", write("a.jsonl", GOOD.decode().encode("utf-16-be")), "is UTF-16 text"),
    "UTF-32": ("a.csv", write("a.csv", "a,b\n1,2\n".encode("utf-32")), "is UTF-32 text; save it as UTF-8"),
    "Latin-1": ("a.jsonl", write("a.jsonl", lines(b'{"a": "caf\xe9"}', b'{"a": 1}')), "is not UTF-8 (byte 0xe9 at"),
    "Windows line ends": ("a.jsonl", write("a.jsonl", b'{"a": 1}\r\n{"a": 2}\r\n'), 'row 2 (line 2): {"a": 2}'),
    "binary by the name of jsonl": ("a.jsonl", write("a.jsonl", bytes(range(256)) * 20), "is not a text file"),
    "a picture": ("a.txt", write("a.txt", b"\x89PNG\r\n\x1a\n" + b"\0\1\2" * 99), "is not a text file"),
    "unknown format": ("a.docx", write("a.docx", b"text"), "has an unknown format (.docx); supported are .json"),
    "cut gzip": ("a.jsonl.gz", write("a.jsonl.gz", gzip.compress(THOUSAND)[:-400]), "its gzip data ends early"),
    "cut zstandard": ("a.jsonl.zst", write("a.jsonl.zst", zstd(THOUSAND)[:-400]), "its zstandard data ends early"),
    "cut gzip of a table": (
        "a.csv.gz",
        write("a.csv.gz", gzip.compress(b"text\n" + b"a row of a table\n" * 9)[:-9]),
        "its gzip data ends early",
    ),
    "broken gzip": ("a.jsonl.gz", write("a.jsonl.gz", b"\x1f\x8b\x08nonsense"), "the gzip data is broken"),
    "broken zstandard": ("a.zst", write("a.zst", b"\x28\xb5\x2f\xfd" + b"\xff" * 20), "zstandard data is broken"),
    "gzip in gzip": (
        "a.jsonl.gz",
        write("a.jsonl.gz", gzip.compress(gzip.compress(GOOD))),
        "is packed with gzip twice; unpack it first",
    ),
    "gzip with something behind": ("a.jsonl.gz", write("a.jsonl.gz", gzip.compress(GOOD) + b"more"), "data is broken"),
    "zip": ("a.jsonl", write("a.jsonl", zipped()), "is packed with zip; unpack it first"),
    "tar": ("a.json", write("a.json", b"a".ljust(257, b"\0") + b"ustar".ljust(255, b"\0")), "is a tar archive"),
    "duplicate keys": ("a.jsonl", write("a.jsonl", b'{"a": 1, "a": 2}\n'), 'row 1 (line 1): {"a": 2}'),
    "nested nulls": ("a.jsonl", write("a.jsonl", NULLS), 'row 1 (line 1): {"text": {"a": [null, {"a"'),
    "deep nesting": ("a.jsonl", write("a.jsonl", b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}\n"), "more than 100 levels"),
    "bottomless nesting": ("a.jsonl", write("a.jsonl", b'{"a": ' + b"[" * 100_000 + b"\n" + GOOD), "nested too deeply"),
    "bottomless array": ("a.json", write("a.json", b"[" * 100_000), "is nested too deeply"),
    "mixed shapes": (
        "a.jsonl",
        write("a.jsonl", lines(b"3", b'"x"', b"null", b"[1]", b'{"a": 1}')),
        'row 4 (line 4): expected an object such as {"text": …}, found a list',
    ),
    "NaN": ("a.jsonl", write("a.jsonl", b'{"a": NaN}\n'), "NaN is not JSON; write null or a number"),
    "Infinity in an array": ("a.json", write("a.json", b'[{"a": -Infinity}]'), "-Infinity is not JSON"),
    "huge integer": ("a.jsonl", write("a.jsonl", b'{"a": ' + b"9" * 5000 + b"}\n"), "row 1 (line 1): "),
    "lone surrogate": ("a.jsonl", write("a.jsonl", b'{"a": "\\ud83d"}\n'), "half of a surrogate pair (U+D83D)"),
    "escape sequences in broken JSON": (
        "a.jsonl",
        write("a.jsonl", b'{"a": \x1b]0;owned\x07[red]x[/red]}\n'),
        "broken JSON at column 7: expecting value, found `␛]0;owned␇[red]x[/re",
    ),
    "payload in values": ("a.jsonl", write("a.jsonl", json.dumps({"a": PAYLOAD}).encode()), "\\u001b]0;owned"),
    "payload in the header": (
        "a.csv",
        write("a.csv", f'"{PAYLOAD}",b\n1\n'.encode()),
        "expected 2 fields (␛]0;owned␇␛[2J[red]x[/red]�, b), found 1",
    ),
    "payload twice in the header": (
        "a.csv",
        write("a.csv", f'"{PAYLOAD}","{PAYLOAD}"\n1,2\n'.encode()),
        "names the column '␛]0;owned␇␛[2J[red]x[/red]�' twice",
    ),
    "payload in the name": ("a\x1b[2J.xyz", write("a\x1b[2J.xyz", b"text"), "a␛[2J.xyz: has an unknown format (.xyz)"),
    "payload in a name that is not there": ("[red]\x1b[2J", lambda folder: None, "[red]␛[2J"),
    "a name with a zero": ("a\0b.jsonl", lambda folder: None, "cannot be read"),
    "ragged table": (
        "a.csv",
        write("a.csv", b"a,b\n1,2\n1,2,3\n1\n"),
        "row 3 (line 4): expected 2 fields (a, b), found 1",
    ),
    "open quote": ("a.csv", write("a.csv", b'a,b\n1,2\n"x,2\n3,4\n'), "row 2 (line 3): broken row"),
    "table with zeros": ("a.csv", write("a.csv", b"a,b\n1,x\0y\n"), "row 1 (line 2): "),
    "semicolons": ("a.csv", write("a.csv", b"a;b\n1,5;2\n"), '{"a": "1,5", "b": "2"}'),
    "column twice": ("a.csv", write("a.csv", b"a,a\n1,2\n"), "the header names the column 'a' twice"),
    "no header": ("a.csv", write("a.csv", b",,\n1,2,3\n"), "has no header; the first line names the columns"),
    "100,000 columns of a table": ("a.csv", write("a.csv", WIDE_CSV), 'row 1 (line 2): {"c0": "1"'),
    "100,000 keys": ("a.jsonl", write("a.jsonl", WIDE_JSON), 'row 1 (line 1): {"c0": 0'),
    "array cut in the middle": ("a.json", write("a.json", b'[{"a": 1}, {"a": "x'), "unterminated string"),
    "array without end": ("a.json", write("a.json", b'[{"a": 1},\n'), "expecting value, found the end"),
    "object instead of array": (
        "a.json",
        write("a.json", b'{\n"rows": 1,\n"more": 2\n}'),
        'an array of objects, or an object with an array under "data"; found an object with rows, more',
    ),
    "something behind the array": ("a.json", write("a.json", b'[{"a": 1}]\nmore'), "more after the end of the array"),
    "parquet with odd types": (
        "a.parquet",
        parquet("a.parquet", odd_table),
        '{"when": "2026-01-02T03:04:05", "price": 1.5, "bytes": "\\u27e83 bytes, ',
    ),
    "parquet that is not UTF-8": ("a.parquet", parquet("a.parquet", not_utf8_table), "row 2: is not UTF-8 (byte 0xff)"),
    "empty parquet": ("a.parquet", parquet("a.parquet", table(a=[])), "is empty"),
    "cut parquet": ("a.parquet", write("a.parquet", b"PAR1" + b"x" * 99), "is not a readable parquet file"),
    "parquet by another name": ("a.jsonl", parquet("a.jsonl", table(a=[1])), 'row 1: {"a": 1}'),
    "text by the name of parquet": ("a.parquet", write("a.parquet", GOOD), "is not a readable parquet file"),
    "links in a circle": ("d", linked_loop, 'row 1 (a.jsonl, line 1): {"text": "good"}'),
    "a link to itself": ("a.jsonl", self_link, "Too many levels of symbolic links"),
    "a link out of the folder": ("d", link_out, "the link a.txt leads out of it; name that file itself"),
    "a link to nothing": ("d", dead_link, "the link a.txt in it leads nowhere"),
    "a folder of good and bad": ("d", some_empty, "row 3 (4.jsonl, line 1): broken JSON"),
    "folder of other things": ("d", folder_of("a.exe", "b.png"), "is a folder without data files"),
    "pattern of nothing": ("d/*.csv", folder_of("a.exe"), "matches no data file"),
    "pipe": ("a.jsonl", lambda folder: os.mkfifo(folder / "a.jsonl"), "is not a regular file"),
    "device": ("/dev/zero", lambda folder: None, "is not a regular file"),
    "a file of the kernel": ("/proc/self/mem", lambda folder: None, "cannot be read"),
    "http": ("http://example.org/a.jsonl", lambda folder: None, "only https:// addresses are read"),
    "file address": ("file:///etc/passwd", lambda folder: None, "only https:// addresses are read"),
    "private address": ("https://10.0.0.1/a.jsonl", lambda folder: None, "not on the public internet"),
    "loopback in disguise": ("https://2130706433/a.jsonl", lambda folder: None, "not on the public internet"),
}


def test_there_are_enough_of_them() -> None:
    assert len(INPUTS) + len(BOMBS) >= 70


@pytest.mark.parametrize("name", INPUTS)
def test_every_odd_input_is_told_of_clearly(name: str, tmp_path: Path) -> None:
    source, make, message = INPUTS[name]
    make(tmp_path)
    assert message in told(source, tmp_path)


@pytest.mark.parametrize("name", [name for name in INPUTS if not re.search("address|parquet|loopback", name)])
def test_a_page_of_it_tells_the_same(name: str, tmp_path: Path) -> None:
    source, make, _ = INPUTS[name]
    make(tmp_path)
    try:
        expected = [row.place for row in open_source(resolve(source, base=tmp_path), limit=200)]
    except TuituneError as error:
        with pytest.raises(TuituneError, match=re.escape(str(error)[-40:])):
            read_page(source, base=tmp_path)
    else:
        assert [row.place for row in read_page(source, base=tmp_path).rows] == expected


def test_what_comes_before_a_cut_is_kept(tmp_path: Path) -> None:
    content = b"".join(b'{"text": "row %d"}\n' % number for number in range(40_000))
    for packed in (gzip.compress(content), zstd(content)):
        (tmp_path / "a.jsonl").write_bytes(packed[: len(packed) * 2 // 3])
        rows = list(open_source(resolve("a.jsonl", base=tmp_path)))
        problems = [row.number for row in rows if row.problem]
        assert problems == [len(rows)]
        assert all(row.values == {"text": f"row {row.number - 1}"} for row in rows[:-1])


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_documents_are_read_out_of_packed_text(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    for ends in (b"\n", b"\r\n"):
        (tmp_path / "a.txt").write_bytes(pack(ends.join([b"one", b"more", b"", b"two"])))
        found = [row.values for row in open_source(resolve("a.txt", base=tmp_path))]
        assert found == [{"text": "one\nmore"}, {"text": "two"}]


def test_a_row_that_is_cut_in_a_table_is_no_row(tmp_path: Path) -> None:
    rows = [f"{number},{'x' * 30}{number * 7919}" for number in range(5000)]
    whole = gzip.compress("\n".join(["a,b", *rows]).encode())
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) // 2])
    found = list(open_source(resolve("a.csv.gz", base=tmp_path)))
    assert 0 < len(found) < 5000 and "ends early" in str(found[-1].problem)
    kept = [f"{row.values['a']},{row.values['b']}" for row in found[:-1] if row.values]
    assert kept == rows[: len(kept)] and len(kept) == len(found) - 1


def test_a_file_that_may_not_be_read_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    assert "Permission denied" in told("a.jsonl", tmp_path)


def big_line(folder: Path) -> None:
    with (folder / "a.jsonl").open("wb") as file:
        file.write(GOOD + b'{"text": "')
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n' + GOOD)


def big_cell(folder: Path) -> None:
    with (folder / "a.csv").open("wb") as file:
        file.write(b"a,b\n1,")
        for _ in range(60):
            file.write("é".encode() * 500_000)
        file.write(b"\n3,4\n")


def big_element(folder: Path) -> None:
    with (folder / "a.json").open("wb") as file:
        file.write(b'[{"a": 1}, [')
        for _ in range(60):
            file.write(b"{}," * 300_000)
        file.write(b"1]]")


def big_document(folder: Path) -> None:
    with (folder / "a.txt").open("wb") as file:
        for _ in range(60):
            file.write(b"words " * 170_000)


def packed_bomb(name: str, packed: Callable[[bytes], bytes]) -> Maker:
    return write(name, packed(GOOD + b'{"text": "' + b"x" * 100_000_000))


def few_texts_many_rows() -> object:
    import pyarrow

    text = "".join(chr(97 + (number * number) % 23) for number in range(3_000_000))
    return pyarrow.table({"text": pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 5000), [text])})


def one_text_in_one_list() -> object:
    import pyarrow

    texts = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 100_000, pyarrow.int32()), ["x" * 2_000])
    return pyarrow.table({"turns": pyarrow.ListArray.from_arrays(pyarrow.array([0, 100_000], pyarrow.int32()), texts)})


def one_text_in_objects() -> object:
    import pyarrow

    texts = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 100_000, pyarrow.int32()), ["x" * 2_000])
    return pyarrow.table({"said": pyarrow.StructArray.from_arrays([texts], ["text"])})


def one_number_in_many_rows() -> object:
    import numpy
    import pyarrow

    return pyarrow.table({"text": numpy.zeros(9_000_000, dtype="int64")})


TOO_LONG = f"is longer than {LONGEST >> 20} MiB"
BOMBS: dict[str, tuple[str, Maker, str]] = {
    "100 MB line": ("a.jsonl", big_line, f"row 2 (line 2): the line {TOO_LONG}\nrow 3 (line 3): "),
    "60 MB cell": ("a.csv", big_cell, f"row 1 (line 2): the line {TOO_LONG}\nrow 2 (line 3): "),
    "54 MB element": ("a.json", big_element, f"the row {TOO_LONG}"),
    "60 MB document": ("a.txt", big_document, f"row 1 (line 1): the document {TOO_LONG}"),
    "gzip bomb": ("a.jsonl.gz", packed_bomb("a.jsonl.gz", gzip.compress), "more than 200 times its size"),
    "zstandard bomb": ("a.jsonl.zst", packed_bomb("a.jsonl.zst", zstd), "more than 200 times its size"),
    "parquet bomb": (
        "a.parquet",
        parquet("a.parquet", table(text=["z" * 70_000_000]), compression="zstd", use_dictionary=False),
        "the column text unpacks to more than 200 times its size",
    ),
    "parquet of few texts in many rows": (
        "a.parquet",
        parquet("a.parquet", few_texts_many_rows, store_schema=False),
        "the column text unpacks to more than 200 times its size",
    ),
    "parquet of one text in a list": (
        "a.parquet",
        parquet("a.parquet", one_text_in_one_list, store_schema=False),
        "the column turns.list.element unpacks to more than 200 times its size",
    ),
    "parquet of one text in objects": (
        "a.parquet",
        parquet("a.parquet", one_text_in_objects, store_schema=False),
        "the column said.text unpacks to more than 200 times its size",
    ),
    "parquet of one number in many rows": (
        "a.parquet",
        parquet("a.parquet", one_number_in_many_rows),
        "names 9,000,000 rows and unpacks to more than 200 times its size",
    ),
    "parquet of 11,000 columns": (
        "a.parquet",
        parquet("a.parquet", lambda: table(**{f"c{number}": [1] for number in range(11_000)})()),
        "has 11,000 columns; at most 10,000 are read",
    ),
}

LIKE_OTHERS = {"zstandard bomb", "parquet of one text in objects"}
"""Refused where another of these is: the slow tests take them."""

READ = """
import json, sys
from pathlib import Path
from tuitune.data.sources.names import open_source, resolve
from tuitune.problem import TuituneError
try:
    for row in open_source(resolve(sys.argv[1]), limit=60):
        print(f"{row.place}: {row.problem or json.dumps(row.values)[:100]}")
except TuituneError as error:
    print(error)
status = Path("/proc/self/status").read_text()
print(int(status.partition("VmHWM:")[2].split()[0]) * 1024)
"""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LIKE_OTHERS else ()) for name in BOMBS]
)
def test_a_bomb_takes_little_memory(name: str, tmp_path: Path) -> None:
    source, make, message = BOMBS[name]
    make(tmp_path)
    command = [sys.executable, "-P", "-c", READ, source]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    output, _, peak = done.stdout.strip().rpartition("\n")
    assert message in output
    assert int(peak) < PEAK_BYTES


def test_rows_that_share_their_beginnings_are_read_no_further_than_is_sane(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    texts = pyarrow.table({"text": [f"{'x' * 40_000}{number}" for number in range(2_000)]})
    encoded = {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}}
    pyarrow.parquet.write_table(texts, tmp_path / "a.parquet", **encoded)
    rows = open_source(resolve("a.parquet", base=tmp_path))
    with pytest.raises(SourceError, match="more than 200 times its size"):
        assert len(list(rows)) < 2_000


def test_a_table_with_a_text_that_many_rows_share_is_read(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    system = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 3_000, pyarrow.int32()), ["Be brief. " * 200])
    table = pyarrow.table({"system": system, "text": [f"row {number}" for number in range(3_000)]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", store_schema=False)
    assert sum(row.values is not None for row in open_source(resolve("a.parquet", base=tmp_path))) == 3_000
